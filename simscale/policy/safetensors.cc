#include "simscale/policy/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/text.h"

namespace simscale::policy {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxHeader = 100'000'000;  // the reference implementation's limit
constexpr size_t kMaxDims = 64;               // far over any tensor's; keeps messages short

struct DtypeEntry {
  std::string_view name;
  size_t size;
};
constexpr DtypeEntry kDtypes[] = {{"F64", 8}, {"I64", 8}, {"U64", 8},  {"F32", 4}, {"I32", 4},
                                  {"U32", 4}, {"F16", 2}, {"BF16", 2}, {"I16", 2}, {"U16", 2},
                                  {"I8", 1},  {"U8", 1},  {"BOOL", 1}};

[[noreturn]] void Bad(const std::string& where, const std::string& what) {
  ThrowUser(where, ": not a valid safetensors file: ", what);
}

/// Names from a damaged file are shown shortened and without control characters: one line stays
/// one.
std::string Shown(std::string_view name) {
  std::string text;
  for (char c : name.substr(0, 60)) text += (c >= 32 && c < 127) ? c : '?';
  return Cat("'", text, name.size() > 60 ? "...'" : "'");
}

Json ParseHeader(std::string_view text, const std::string& where) {
  // nlohmann keeps the last of two equal keys without a word: watch the keys as they come.
  std::vector<std::set<std::string>> seen;
  auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 8) Bad(where, "its header is nested too deeply");
    const auto level = static_cast<size_t>(depth);
    if (event == Json::parse_event_t::object_start) {
      seen.resize(level + 2);
      seen[level + 1].clear();
    } else if (event == Json::parse_event_t::key) {
      std::string key = parsed.get<std::string>();
      if (level < seen.size() && !seen[level].insert(key).second)
        Bad(where, Cat("its header has the key ", Shown(key), " twice"));
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::exception& error) {
    Bad(where, "its header is not JSON");
  }
}

uint64_t Unsigned(const Json& value, const std::string& where, const std::string& what) {
  if (!value.is_number_unsigned()) Bad(where, what + " is not a list of whole numbers >= 0");
  return value.get<uint64_t>();
}

TensorInfo ParseTensor(const std::string& name, const Json& entry, const std::string& where) {
  const std::string tensor = "tensor " + Shown(name);
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets"))
    Bad(where, tensor + " must have exactly dtype, shape and data_offsets");
  TensorInfo info;
  info.name = name;
  if (!entry["dtype"].is_string()) Bad(where, tensor + ": dtype is not a text");
  info.dtype = entry["dtype"].get<std::string>();
  const uint64_t size = SafetensorsDtypeSize(info.dtype);
  if (size == 0) Bad(where, Cat(tensor, " has the unknown dtype ", Shown(info.dtype)));

  const Json& shape = entry["shape"];
  if (!shape.is_array() || shape.size() > kMaxDims)
    Bad(where, Cat(tensor, ": shape is not a list of at most ", kMaxDims, " numbers"));
  uint64_t bytes = size;
  for (const Json& item : shape) {
    uint64_t dim = Unsigned(item, where, tensor + ": shape");
    if (dim > INT64_MAX || __builtin_mul_overflow(bytes, dim, &bytes))
      Bad(where, tensor + ": the product of its shape overflows");
    info.shape.push_back(static_cast<int64_t>(dim));
  }
  const Json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2)
    Bad(where, tensor + ": data_offsets is not a list of two numbers");
  info.begin = Unsigned(offsets[0], where, tensor + ": data_offsets");
  info.end = Unsigned(offsets[1], where, tensor + ": data_offsets");
  if (info.begin > info.end || info.end - info.begin != bytes)
    Bad(where, Cat(tensor, ": data_offsets [", info.begin, ", ", info.end, "] do not span the ",
                   bytes, " bytes of its shape"));
  return info;
}

}  // namespace

size_t SafetensorsDtypeSize(std::string_view dtype) {
  for (const DtypeEntry& entry : kDtypes)
    if (entry.name == dtype) return entry.size;
  return 0;
}

SafetensorsFile SafetensorsFile::Parse(std::string bytes, const std::string& where) {
  SafetensorsFile file;
  file.where_ = where;
  if (bytes.size() < 8) Bad(where, Cat("it has ", bytes.size(), " bytes, fewer than 8"));
  uint64_t header = 0;
  for (int i = 7; i >= 0; --i)
    header = header << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  if (header > kMaxHeader)
    Bad(where, Cat("its header claims ", header, " bytes, the limit is ", kMaxHeader));
  if (header > bytes.size() - 8)
    Bad(where, Cat("its header claims ", header, " bytes, but only ", bytes.size() - 8,
                   " follow (truncated?)"));
  if (header < 2 || bytes[8] != '{') Bad(where, "its header does not begin with '{'");

  const Json json = ParseHeader(std::string_view(bytes).substr(8, header), where);
  if (!json.is_object()) Bad(where, "its header is not a JSON object");
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) Bad(where, "__metadata__ is not a map of texts");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) Bad(where, "__metadata__ is not a map of texts");
        file.metadata_[key] = value.get<std::string>();
      }
    } else {
      file.tensors_.push_back(ParseTensor(name, entry, where));
    }
  }
  std::sort(file.tensors_.begin(), file.tensors_.end(),
            [](const TensorInfo& a, const TensorInfo& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  file.data_begin_ = 8 + header;
  const uint64_t data_size = bytes.size() - file.data_begin_;
  uint64_t at = 0;
  for (size_t i = 0; i < file.tensors_.size(); ++i) {
    const TensorInfo& tensor = file.tensors_[i];
    if (tensor.end > data_size)
      Bad(where, Cat("tensor ", Shown(tensor.name), " ends at byte ", tensor.end,
                     " of the data, but only ", data_size, " are there (truncated?)"));
    if (tensor.begin != at)
      Bad(where, Cat("tensor ", Shown(tensor.name), " begins at byte ", tensor.begin,
                     " of the data where ", at,
                     " was due: ", tensor.begin < at ? "tensors overlap" : "there is a hole"));
    at = tensor.end;
    file.by_name_[tensor.name] = i;
  }
  if (at != data_size) Bad(where, Cat(data_size - at, " bytes at its end belong to no tensor"));
  file.bytes_ = std::move(bytes);
  return file;
}

SafetensorsFile SafetensorsFile::Read(const std::filesystem::path& path) {
  return Parse(ReadFile(path), path.string());
}

const TensorInfo* SafetensorsFile::Find(std::string_view name) const {
  auto it = by_name_.find(std::string(name));
  return it == by_name_.end() ? nullptr : &tensors_[it->second];
}

std::span<const std::byte> SafetensorsFile::Bytes(const TensorInfo& tensor) const {
  return std::as_bytes(std::span<const char>(bytes_))
      .subspan(data_begin_ + tensor.begin, tensor.end - tensor.begin);
}

SafetensorsLayout LayoutSafetensors(std::vector<TensorBytes> tensors,
                                    const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorBytes& a, const TensorBytes& b) {
    return std::make_tuple(SafetensorsDtypeSize(b.dtype), std::string_view(a.name)) <
           std::make_tuple(SafetensorsDtypeSize(a.dtype), std::string_view(b.name));
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  SafetensorsLayout layout;
  uint64_t at = 0;
  for (const TensorBytes& tensor : tensors) {
    uint64_t bytes = SafetensorsDtypeSize(tensor.dtype);
    if (bytes == 0)
      ThrowUser("tensor ", Shown(tensor.name), " has the unknown dtype ", tensor.dtype);
    for (int64_t dim : tensor.shape) bytes *= static_cast<uint64_t>(dim);
    if (bytes != tensor.bytes.size())
      ThrowUser("tensor ", Shown(tensor.name), " has ", tensor.bytes.size(),
                " bytes, its shape and dtype need ", bytes);
    if (tensor.name == "__metadata__" || header.contains(tensor.name))
      ThrowUser("two tensors are called ", Shown(tensor.name));
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
    layout.data.push_back(tensor.bytes);
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // tensors begin at a multiple of eight bytes
  layout.header.resize(8);
  for (size_t i = 0; i < 8; ++i)
    layout.header[i] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  layout.header += text;
  return layout;
}

}  // namespace simscale::policy
