#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The safetensors file format (https://github.com/huggingface/safetensors#format): 8 bytes of
/// little-endian header length, a JSON header, then the tensors' bytes. Free of torch.
namespace simscale::policy {

/// Where one tensor lies in the data section.
struct TensorInfo {
  std::string name;
  std::string dtype;  ///< "F32", "I64", "U8", ...
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  ///< bytes, from the start of the data section
};

/// Bytes of one element, 0 for an unknown dtype.
size_t SafetensorsDtypeSize(std::string_view dtype);

/// A whole file in memory, checked when it is made.
class SafetensorsFile {
 public:
  /// Throws UserError, one line that begins with `where`, for anything that the format forbids: a
  /// header that is too long, no JSON, or has duplicate keys; an unknown dtype; a shape that
  /// overflows; offsets that are out of range, overlap, leave holes or don't fit the shape.
  static SafetensorsFile Parse(std::string bytes, const std::string& where);
  static SafetensorsFile Read(const std::filesystem::path& path);

  const std::vector<TensorInfo>& tensors() const { return tensors_; }  ///< by offset
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const TensorInfo* Find(std::string_view name) const;  ///< nullptr if absent
  std::span<const std::byte> Bytes(const TensorInfo& tensor) const;
  const std::string& where() const { return where_; }

 private:
  std::string bytes_, where_;
  size_t data_begin_ = 0;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, size_t> by_name_;
  std::map<std::string, std::string> metadata_;
};

/// One tensor to be written; the bytes stay the caller's.
struct TensorBytes {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

/// The pieces of a file, in order: header (with its length), then one span a tensor. Tensors are
/// ordered as the reference implementation does (large dtypes first, then by name), so that equal
/// tensors give equal bytes. Throws UserError for duplicate names or sizes that don't fit.
struct SafetensorsLayout {
  std::string header;
  std::vector<std::span<const std::byte>> data;
};
SafetensorsLayout LayoutSafetensors(std::vector<TensorBytes> tensors,
                                    const std::map<std::string, std::string>& metadata = {});

}  // namespace simscale::policy
