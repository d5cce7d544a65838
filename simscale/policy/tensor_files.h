#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simscale/policy/safetensors.h"

/// Tensors of a checkpoint: in one file, `model.safetensors`, or in parts, one written by each rank
/// of a sharded training: `model.0-of-2.safetensors`, ... A part holds whole tensors and slices:
/// "net.weight@128" are elements of net.weight from 128 on, row by row; the whole's shape stands in
/// the metadata. Free of torch.
namespace simscale::policy {

/// stem: "model". UserError if there is neither the whole nor all of the parts.
std::vector<std::filesystem::path> TensorFiles(const std::filesystem::path& checkpoint,
                                               const std::string& stem);
std::string PartName(const std::string& stem, int rank, int size);

std::string SliceName(const std::string& tensor, int64_t begin);
struct SliceId {
  std::string tensor;
  int64_t begin = 0;
};
/// nullopt: the name of a whole tensor.
std::optional<SliceId> ParseSliceName(std::string_view name);

/// Shapes of the tensors that a part has slices of, to and from its metadata.
using Shapes = std::map<std::string, std::vector<int64_t>>;
std::map<std::string, std::string> ShapesAsMetadata(const Shapes& shapes);

/// All tensors, whole. UserError, which names the file, for parts that don't make up their tensors.
SafetensorsFile ReadTensors(const std::filesystem::path& checkpoint, const std::string& stem);

}  // namespace simscale::policy
