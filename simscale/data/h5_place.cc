#include "simscale/data/h5_place.h"

#include <algorithm>

namespace simscale::data::h5 {
namespace {

constexpr int kMostDimensions = 32;  // HDF5's own limit

bool HasUserBlock(hid_t file) {
  const Handle creation(H5Fget_create_plist(file), H5Pclose, "cannot read the file's layout");
  hsize_t size = 0;
  Must(H5Pget_userblock(creation.get(), &size), "cannot read the file's layout");
  return size != 0;
}

/// Rows of a chunk if it holds whole rows, else 0.
int64_t WholeRows(hid_t properties, const std::vector<int64_t>& shape) {
  hsize_t chunk[kMostDimensions];
  const int rank = H5Pget_chunk(properties, kMostDimensions, chunk);
  if (rank != static_cast<int>(shape.size())) return 0;
  for (size_t d = 1; d < shape.size(); ++d)
    if (static_cast<int64_t>(chunk[d]) != shape[d]) return 0;
  return static_cast<int64_t>(chunk[0]);
}

/// No filter, or gzip alone.
bool IsReadable(hid_t properties) {
  const int filters = H5Pget_nfilters(properties);
  if (filters == 0) return true;
  unsigned flags = 0, config = 0;
  size_t values = 0;
  return filters == 1 && H5Pget_filter2(properties, 0, &flags, &values, nullptr, 0, nullptr,
                                        &config) == H5Z_FILTER_DEFLATE;
}

}  // namespace

std::optional<ArrayPlace> PlaceOf(hid_t file, hid_t dataset, const std::vector<int64_t>& shape,
                                  size_t element_size, uint64_t file_bytes) {
  if (shape.empty() || HasUserBlock(file)) return std::nullopt;
  ArrayPlace place{.rows = shape[0], .row_bytes = static_cast<int64_t>(element_size)};
  for (size_t d = 1; d < shape.size(); ++d) place.row_bytes *= shape[d];
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose, "cannot read an array's layout");
  const auto check = [&](uint64_t offset, uint64_t size) {
    if (offset > file_bytes || size > file_bytes - offset)
      throw H5Error("lies outside of the file: it is damaged or truncated");
  };
  const H5D_layout_t layout = H5Pget_layout(properties.get());
  if (layout == H5D_CONTIGUOUS) {
    const haddr_t offset = H5Dget_offset(dataset);
    if (offset == HADDR_UNDEF) return std::nullopt;
    place.rows_per_chunk = std::max<int64_t>(place.rows, 1);
    place.chunks.push_back(
        {.offset = offset, .size = static_cast<uint64_t>(place.rows * place.row_bytes)});
    check(offset, place.chunks[0].size);
    return place;
  }
  if (layout != H5D_CHUNKED || !IsReadable(properties.get())) return std::nullopt;
  place.rows_per_chunk = WholeRows(properties.get(), shape);
  if (place.rows_per_chunk < 1) return std::nullopt;
  const bool filtered = H5Pget_nfilters(properties.get()) > 0;
  const auto chunk_bytes = static_cast<uint64_t>(place.rows_per_chunk * place.row_bytes);
  std::vector<hsize_t> at(shape.size(), 0);
  for (int64_t row = 0; row < place.rows; row += place.rows_per_chunk) {
    at[0] = static_cast<hsize_t>(row);
    unsigned skipped = 0;
    haddr_t offset = HADDR_UNDEF;
    hsize_t size = 0;
    Must(H5Dget_chunk_info_by_coord(dataset, at.data(), &skipped, &offset, &size),
         "cannot find a chunk");
    if (offset == HADDR_UNDEF) return std::nullopt;  // never written: HDF5 fills it in
    const bool deflated = filtered && skipped == 0;
    if (!deflated && size != chunk_bytes) throw H5Error("has a chunk of a wrong size");
    check(offset, size);
    place.chunks.push_back({.offset = offset, .size = size, .deflated = deflated});
  }
  return place;
}

}  // namespace simscale::data::h5
