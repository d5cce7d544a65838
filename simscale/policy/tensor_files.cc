#include "simscale/policy/tensor_files.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/text.h"

namespace simscale::policy {
namespace {

constexpr const char* kShapes = "whole_shapes";
constexpr const char* kSuffix = ".safetensors";

/// "model.3-of-8.safetensors" -> 8, else 0.
int PartsOf(const std::string& name, const std::string& stem) {
  if (!name.starts_with(stem + ".") || !name.ends_with(kSuffix)) return 0;
  const size_t at = name.find("-of-");
  if (at == std::string::npos) return 0;
  int parts = 0;
  const char* end = name.data() + name.size() - std::strlen(kSuffix);
  const auto [stop, error] = std::from_chars(name.data() + at + 4, end, parts);
  return error == std::errc() && stop == end ? parts : 0;
}

Shapes ShapesOf(const SafetensorsFile& file) {
  const auto it = file.metadata().find(kShapes);
  if (it == file.metadata().end()) return {};
  try {
    return nlohmann::json::parse(it->second).get<Shapes>();
  } catch (const nlohmann::json::exception&) {
    ThrowUser(file.where(), ": its metadata '", kShapes, "' is not what it should be");
  }
}

/// A tensor that grows together from its slices.
struct Whole {
  std::string dtype;
  std::vector<int64_t> shape;
  std::string bytes;
  size_t filled = 0;
};

void Place(const SafetensorsFile& part, const TensorInfo& slice, const SliceId& id,
           const Shapes& shapes, std::map<std::string, Whole>* wholes) {
  const auto bad = [&](const std::string& what) {
    ThrowUser(part.where(), ": slice '", slice.name, "' ", what);
  };
  const auto shape = shapes.find(id.tensor);
  if (shape == shapes.end()) bad("is of a tensor whose shape is not told");
  Whole& whole = (*wholes)[id.tensor];
  if (whole.dtype.empty()) {
    size_t size = SafetensorsDtypeSize(slice.dtype);
    for (const int64_t dim : shape->second)
      if (dim < 0 || __builtin_mul_overflow(size, static_cast<size_t>(dim), &size) ||
          size > INT64_MAX / 2)
        bad("is of a tensor whose shape overflows");
    whole = {.dtype = slice.dtype, .shape = shape->second, .bytes = std::string(size, '\0')};
  }
  if (whole.dtype != slice.dtype || whole.shape != shape->second)
    bad("has another dtype or shape than its other parts");
  const std::span<const std::byte> bytes = part.Bytes(slice);
  const size_t element = SafetensorsDtypeSize(slice.dtype);
  if (static_cast<size_t>(id.begin) > whole.bytes.size() / element ||
      bytes.size() > whole.bytes.size() - static_cast<size_t>(id.begin) * element)
    bad("reaches past the end of its tensor");
  std::memcpy(whole.bytes.data() + static_cast<size_t>(id.begin) * element, bytes.data(),
              bytes.size());
  whole.filled += bytes.size();
}

}  // namespace

std::string PartName(const std::string& stem, int rank, int size) {
  return Cat(stem, ".", rank, "-of-", size, kSuffix);
}

std::vector<fs::path> TensorFiles(const fs::path& checkpoint, const std::string& stem) {
  const fs::path whole = checkpoint / (stem + kSuffix);
  int parts = 0;
  std::error_code error;
  if (!fs::exists(whole))
    for (const auto& entry : fs::directory_iterator(checkpoint, error))
      parts = std::max(parts, PartsOf(entry.path().filename().string(), stem));
  if (parts == 0) return {whole};
  std::vector<fs::path> files;
  for (int rank = 0; rank < parts; ++rank) {
    files.push_back(checkpoint / PartName(stem, rank, parts));
    if (!fs::exists(files.back()))
      ThrowUser(files.back().string(), ": is missing; the checkpoint is in ", parts, " parts");
  }
  return files;
}

std::string SliceName(const std::string& tensor, int64_t begin) { return Cat(tensor, "@", begin); }

std::optional<SliceId> ParseSliceName(std::string_view name) {
  const size_t at = name.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  SliceId id{.tensor = std::string(name.substr(0, at))};
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + at + 1, end, id.begin);
  if (error != std::errc() || stop != end || id.begin < 0) return std::nullopt;
  return id;
}

std::map<std::string, std::string> ShapesAsMetadata(const Shapes& shapes) {
  return {{kShapes, nlohmann::json(shapes).dump()}};
}

SafetensorsFile ReadTensors(const fs::path& checkpoint, const std::string& stem) {
  const std::vector<fs::path> files = TensorFiles(checkpoint, stem);
  if (files.size() == 1) return SafetensorsFile::Read(files[0]);
  std::map<std::string, Whole> wholes;
  for (const fs::path& path : files) {
    const SafetensorsFile part = SafetensorsFile::Read(path);
    const Shapes shapes = ShapesOf(part);
    for (const TensorInfo& tensor : part.tensors()) {
      if (const auto id = ParseSliceName(tensor.name)) {
        Place(part, tensor, *id, shapes, &wholes);
        continue;
      }
      const std::span<const std::byte> bytes = part.Bytes(tensor);
      const bool fresh =
          wholes
              .emplace(tensor.name,
                       Whole{.dtype = tensor.dtype,
                             .shape = tensor.shape,
                             .bytes = {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                             .filled = bytes.size()})
              .second;
      if (!fresh) ThrowUser(path.string(), ": tensor '", tensor.name, "' is in another part too");
    }
  }
  std::vector<TensorBytes> tensors;
  for (const auto& [name, whole] : wholes) {
    if (whole.filled != whole.bytes.size())
      ThrowUser(files[0].string(), ": the parts hold ", whole.filled, " of the ",
                whole.bytes.size(), " bytes of tensor '", name, "'");
    tensors.push_back({.name = name,
                       .dtype = whole.dtype,
                       .shape = whole.shape,
                       .bytes = std::as_bytes(std::span<const char>(whole.bytes))});
  }
  const SafetensorsLayout layout = LayoutSafetensors(std::move(tensors), {{"format", "pt"}});
  std::string bytes = layout.header;
  for (const std::span<const std::byte> piece : layout.data)
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  wholes.clear();
  return SafetensorsFile::Parse(std::move(bytes), (checkpoint / stem).string());
}

}  // namespace simscale::policy
