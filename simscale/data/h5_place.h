#pragma once

// Private to the data layer.

#include <optional>

#include "simscale/data/array_place.h"
#include "simscale/data/h5.h"

namespace simscale::data::h5 {

/// Where the array's rows lie; nullopt for a storage that only HDF5 can read (other filters than
/// gzip, chunks that split rows, a user block). Throws H5Error for one that leaves the file.
std::optional<ArrayPlace> PlaceOf(hid_t file, hid_t dataset, const std::vector<int64_t>& shape,
                                  size_t element_size, uint64_t file_bytes);

}  // namespace simscale::data::h5
