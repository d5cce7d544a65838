#pragma once

// A folder of its own for a test, and ways to break the files in it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "simscale/common/error.h"
#include "simscale/data/h5.h"
#include "simscale/data/test_data.h"
#include "simscale/data/writer.h"

namespace simscale::data::testing {

class TestFolder : public ::testing::Test {
 protected:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "simscale_data_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~TestFolder() override {
    std::filesystem::remove_all(folder_);
    const h5::Guard guard;
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL), 0)
        << "files, groups, arrays or attributes were left open";
  }

  std::filesystem::path Path(const std::string& name) const { return folder_ / name; }

  /// A dataset of so many sample episodes, every third one a failure.
  std::filesystem::path WriteSample(const std::string& name, int64_t episodes = 3,
                                    bool images = false, const WriteOptions& options = {}) const {
    WriteDataset(
        Path(name), SampleMeta(), episodes,
        [&](int64_t i) {
          return SampleEpisode(
              {.index = static_cast<uint64_t>(i), .success = i % 3 != 2, .images = images});
        },
        options);
    return Path(name);
  }

  /// What lies in the folder, by name, sorted.
  std::vector<std::string> Listing() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  /// Changes a finished file the way a user of h5py might.
  static void Edit(const std::filesystem::path& path, const std::function<void(hid_t file)>& edit) {
    const h5::Guard guard;
    h5::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose, "edit");
    edit(file.get());
    file.Close("edit");
  }

  /// Puts a zero-filled array of another shape or type in the place of the one there.
  static void ReplaceArray(hid_t file, const std::string& name, hid_t type,
                           const std::vector<hsize_t>& shape) {
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    const h5::Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
                           H5Sclose, "edit");
    const h5::Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "edit");
    h5::Must(H5Pset_alloc_time(properties.get(), H5D_ALLOC_TIME_EARLY), "edit");
    const h5::Handle dataset(H5Dcreate2(file, name.c_str(), type, space.get(), H5P_DEFAULT,
                                        properties.get(), H5P_DEFAULT),
                             H5Dclose, "edit");
  }

  std::filesystem::path folder_;
};

/// The message of the error of this kind that `body` throws; "" and a failure if it throws none.
template <class Kind>
std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const Kind& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line";
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace simscale::data::testing
