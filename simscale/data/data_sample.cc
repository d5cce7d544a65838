// Writes a small dataset of known content: data_sample FILE [EPISODES [COMPRESSION]].
// tests/data_h5py_test.py reads it back with h5py and robomimic.

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "simscale/data/test_data.h"
#include "simscale/data/writer.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: data_sample FILE [EPISODES [COMPRESSION]]\n");
    return 2;
  }
  try {
    const int64_t episodes = argc > 2 ? std::atoll(argv[2]) : 12;
    simscale::data::WriteOptions options;
    options.compression = argc > 3 ? std::atoi(argv[3]) : 0;
    const std::string hash = simscale::data::WriteDataset(
        argv[1], simscale::data::testing::SampleMeta(), episodes,
        [](int64_t i) {
          return simscale::data::testing::SampleEpisode(
              {.index = static_cast<uint64_t>(i), .images = true});
        },
        options);
    std::printf("%s\n", hash.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
