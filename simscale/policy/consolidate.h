#pragma once

#include <filesystem>

/// Free of torch.
namespace simscale::policy {

/// Whether the checkpoint's tensors lie in parts, one of each rank that wrote it.
bool IsInParts(const std::filesystem::path& checkpoint);

/// Writes run_dir/step_<n>: the checkpoint with its tensors in one file each, else the same. An
/// equal name is replaced, at once: run_dir may be the checkpoint's own. All files are verified
/// first. Throws UserError for a damaged checkpoint, IoError.
std::filesystem::path Consolidate(const std::filesystem::path& checkpoint,
                                  const std::filesystem::path& run_dir);

}  // namespace simscale::policy
