#include "simscale/policy/consolidate.h"

#include <utility>
#include <vector>

#include "simscale/common/file.h"
#include "simscale/policy/checkpoint.h"
#include "simscale/policy/tensor_files.h"

namespace simscale::policy {

bool IsInParts(const fs::path& checkpoint) {
  return TensorFiles(ResolveCheckpoint(checkpoint), "model").size() > 1;
}

fs::path Consolidate(const fs::path& checkpoint, const fs::path& run_dir) {
  CheckpointContent content;
  content.info = ReadCheckpointInfo(checkpoint);
  const fs::path& dir = content.info.dir;
  const SafetensorsFile model = ReadTensors(dir, "model"),
                        optimizer = ReadTensors(dir, "optimizer");
  for (const auto& [name, file] :
       {std::pair("model.safetensors", &model), std::pair("optimizer.safetensors", &optimizer)}) {
    std::vector<TensorBytes> tensors;
    for (const TensorInfo& info : file->tensors())
      tensors.push_back({.name = info.name,
                         .dtype = info.dtype,
                         .shape = info.shape,
                         .bytes = file->Bytes(info)});
    content.tensors.emplace_back(name, std::move(tensors));
  }
  for (const char* name : {"state.json", "config.yaml"})
    content.texts.emplace_back(name, ReadFile(dir / name));
  return WriteCheckpoint(run_dir, content);
}

}  // namespace simscale::policy
