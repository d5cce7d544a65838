#include "simscale/data/h5.h"

#include <algorithm>
#include <cstring>

namespace simscale::data::h5 {
namespace {

std::recursive_mutex& LibraryMutex() {
  // Some damaged files make HDF5 lose count of what it has open, and it then complains on standard
  // error when the process ends. We close all files ourselves, so it has nothing to do there. Must
  // come before any other call.
  [[maybe_unused]] static const herr_t no_tidying_at_exit = H5dont_atexit();
  static std::recursive_mutex mutex;
  return mutex;
}

// Far past any text of ours (a task's YAML has some kB); a damaged size stops here.
constexpr size_t kMaxTextBytes = size_t{64} << 20;

// Called from the innermost entry outwards.
herr_t KeepInnermost(unsigned, const H5E_error2_t* entry, void* data) {
  std::string& text = *static_cast<std::string*>(data);
  if (text.empty() && entry->desc != nullptr) text = entry->desc;
  return 0;
}

Handle ScalarSpace() { return Handle(H5Screate(H5S_SCALAR), H5Sclose, "cannot make a scalar"); }

void WriteScalar(hid_t object, const char* name, hid_t file_type, hid_t memory_type,
                 const void* value) {
  const Handle space = ScalarSpace();
  const Handle attribute(H5Acreate2(object, name, file_type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose, Cat("cannot make the attribute '", name, "'"));
  Must(H5Awrite(attribute.get(), memory_type, value), "cannot write an attribute");
}

Handle OpenScalar(hid_t object, const char* name) {
  if (!HasAttribute(object, name)) {
    throw H5Error(Cat("has no attribute '", name, "'"));
  }
  Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose,
                   Cat("cannot open the attribute '", name, "'"));
  const Handle space(H5Aget_space(attribute.get()), H5Sclose, "cannot read an attribute's shape");
  if (H5Sget_simple_extent_npoints(space.get()) != 1) {
    throw H5Error(Cat("attribute '", name, "' must be a single value"));
  }
  return attribute;
}

void ReadRaw(hid_t attribute, hid_t memory_type, void* value, const char* name) {
  if (H5Aread(attribute, memory_type, value) < 0) {
    Fail(Cat("cannot read the attribute '", name, "', the file is damaged there"));
  }
}

void ReadNumber(hid_t object, const char* name, hid_t memory_type, void* value) {
  const Handle attribute = OpenScalar(object, name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, "cannot read an attribute's type");
  const H5T_class_t kind = H5Tget_class(type.get());
  const bool wants_float = H5Tget_class(memory_type) == H5T_FLOAT;
  if (kind != H5T_INTEGER && !(wants_float && kind == H5T_FLOAT)) {
    throw H5Error(Cat("attribute '", name, "' must be ", wants_float ? "a number" : "an integer"));
  }
  ReadRaw(attribute.get(), memory_type, value, name);
}

// What h5py reads and writes as a bool.
Handle BoolType() {
  Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose, "cannot make a type");
  int8_t value = 0;
  Must(H5Tenum_insert(type.get(), "FALSE", &value), "cannot make a type");
  value = 1;
  Must(H5Tenum_insert(type.get(), "TRUE", &value), "cannot make a type");
  return type;
}

Handle TextType() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "cannot make a type");
  Must(H5Tset_size(type.get(), H5T_VARIABLE), "cannot make a type");
  Must(H5Tset_cset(type.get(), H5T_CSET_UTF8), "cannot make a type");
  return type;
}

}  // namespace

Guard::Guard() : lock_(LibraryMutex()) {
  H5Eget_auto2(H5E_DEFAULT, &old_print_, &old_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Guard::~Guard() { H5Eset_auto2(H5E_DEFAULT, old_print_, old_data_); }

void Fail(const std::string& what) {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, KeepInnermost, &reason);
  H5Eclear2(H5E_DEFAULT);
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  throw H5Error(reason.empty() ? what : Cat(what, ": ", reason));
}

hid_t FileType(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return H5T_STD_U8LE;
    case DType::kInt32:
      return H5T_STD_I32LE;
    case DType::kInt64:
      return H5T_STD_I64LE;
    case DType::kFloat32:
      return H5T_IEEE_F32LE;
    case DType::kFloat64:
      return H5T_IEEE_F64LE;
  }
  throw Error("internal error: an unknown dtype");
}

hid_t MemoryType(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return H5T_NATIVE_UINT8;
    case DType::kInt32:
      return H5T_NATIVE_INT32;
    case DType::kInt64:
      return H5T_NATIVE_INT64;
    case DType::kFloat32:
      return H5T_NATIVE_FLOAT;
    case DType::kFloat64:
      return H5T_NATIVE_DOUBLE;
  }
  throw Error("internal error: an unknown dtype");
}

std::optional<DType> DTypeOf(hid_t type) {
  for (const DType dtype :
       {DType::kUint8, DType::kInt32, DType::kInt64, DType::kFloat32, DType::kFloat64}) {
    if (H5Tequal(type, FileType(dtype)) > 0) return dtype;
  }
  return std::nullopt;
}

Handle OpenGroup(hid_t where, const std::string& name) {
  return Handle(H5Gopen2(where, name.c_str(), H5P_DEFAULT), H5Gclose,
                Cat("cannot open the group ", name));
}

Handle OpenDataset(hid_t where, const std::string& name) {
  return Handle(H5Dopen2(where, name.c_str(), H5P_DEFAULT), H5Dclose,
                Cat("cannot open the array ", name));
}

std::vector<std::string> LinkNames(hid_t group) {
  struct Found {
    std::vector<std::string> names;
    std::string foreign;
  } found;
  const auto visit = [](hid_t, const char* name, const H5L_info_t* info, void* data) -> herr_t {
    auto& out = *static_cast<Found*>(data);
    if (info->type != H5L_TYPE_HARD) out.foreign = name;
    out.names.push_back(name);
    return 0;
  };
  Must(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &found),
       "cannot list a group");
  if (!found.foreign.empty()) {
    throw H5Error(
        Cat("'", found.foreign, "' is a soft or external link; only hard links are read"));
  }
  return std::move(found.names);
}

std::vector<std::string> ReadNames(hid_t group, const std::string& name) {
  const Handle dataset = OpenDataset(group, name);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose, "cannot read the type");
  const Handle space(H5Dget_space(dataset.get()), H5Sclose, "cannot read the shape");
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  const size_t width = H5Tget_size(type.get());
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) > 0 || count < 0 ||
      H5Sget_simple_extent_ndims(space.get()) != 1)
    throw H5Error("must be a list of texts of one size");
  // Without filters the file holds all of it: no more is allocated than is there.
  const hsize_t stored = H5Dget_storage_size(dataset.get());
  if (width == 0 || static_cast<hsize_t>(count) > stored / width)
    throw H5Error("claims more texts than the file holds");
  std::string bytes(static_cast<size_t>(count) * width, '\0');
  if (count > 0)
    Must(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()),
         "cannot read the texts");
  std::vector<std::string> names;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const std::string text = bytes.substr(i * width, width);
    names.push_back(text.substr(0, std::min(text.find('\0'), width)));
  }
  return names;
}

bool HasLink(hid_t group, const std::string& name) {
  const htri_t found = H5Lexists(group, name.c_str(), H5P_DEFAULT);
  Must(found, "cannot look up a name");
  return found > 0;
}

bool HasAttribute(hid_t object, const std::string& name) {
  const htri_t found = H5Aexists(object, name.c_str());
  Must(found, "cannot look up an attribute");
  return found > 0;
}

bool IsGroup(hid_t where, const std::string& name) {
  H5O_info_t info;
  Must(H5Oget_info_by_name2(where, name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT),
       "cannot look up an object");
  return info.type == H5O_TYPE_GROUP;
}

void SetAttribute(hid_t object, const char* name, const std::string& value) {
  const Handle type = TextType();
  const char* text = value.c_str();
  WriteScalar(object, name, type.get(), type.get(), &text);
}

void SetAttribute(hid_t object, const char* name, bool value) {
  const Handle type = BoolType();
  const int8_t byte = value ? 1 : 0;
  WriteScalar(object, name, type.get(), type.get(), &byte);
}

void SetAttribute(hid_t object, const char* name, int64_t value) {
  WriteScalar(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void SetAttribute(hid_t object, const char* name, uint64_t value) {
  WriteScalar(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

void SetAttribute(hid_t object, const char* name, double value) {
  WriteScalar(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

std::string GetString(hid_t object, const char* name) {
  const Handle attribute = OpenScalar(object, name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, "cannot read an attribute's type");
  if (H5Tget_class(type.get()) != H5T_STRING) {
    throw H5Error(Cat("attribute '", name, "' must be a string"));
  }
  if (H5Tis_variable_str(type.get()) <= 0) {
    const size_t size = H5Tget_size(type.get());
    if (size > kMaxTextBytes) throw H5Error(Cat("attribute '", name, "' claims ", size, " bytes"));
    std::string text(size, '\0');
    ReadRaw(attribute.get(), type.get(), text.data(), name);
    text.resize(strnlen(text.data(), text.size()));
    return text;
  }
  const Handle memory_type(H5Tcopy(type.get()), H5Tclose, "cannot make a type");
  const Handle space(H5Aget_space(attribute.get()), H5Sclose, "cannot read an attribute's shape");
  char* raw = nullptr;
  ReadRaw(attribute.get(), memory_type.get(), &raw, name);
  std::string text = raw == nullptr ? "" : raw;
  H5Dvlen_reclaim(memory_type.get(), space.get(), H5P_DEFAULT, &raw);
  return text;
}

bool GetBool(hid_t object, const char* name) {
  const Handle attribute = OpenScalar(object, name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, "cannot read an attribute's type");
  if (H5Tget_class(type.get()) == H5T_INTEGER) return GetInt64(object, name) != 0;
  const Handle wanted = BoolType();
  if (H5Tequal(type.get(), wanted.get()) <= 0) {
    throw H5Error(Cat("attribute '", name, "' must be true or false"));
  }
  int8_t value = 0;
  ReadRaw(attribute.get(), wanted.get(), &value, name);
  return value != 0;
}

int64_t GetInt64(hid_t object, const char* name) {
  int64_t value = 0;
  ReadNumber(object, name, H5T_NATIVE_INT64, &value);
  return value;
}

uint64_t GetUint64(hid_t object, const char* name) {
  uint64_t value = 0;
  ReadNumber(object, name, H5T_NATIVE_UINT64, &value);
  return value;
}

double GetDouble(hid_t object, const char* name) {
  double value = 0;
  ReadNumber(object, name, H5T_NATIVE_DOUBLE, &value);
  return value;
}

}  // namespace simscale::data::h5
