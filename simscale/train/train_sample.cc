// Makes files for tests/train_formats_test.py: `train_sample DIR` trains the toy task into DIR/run;
// `train_sample --tensors FILE` prints the tensors of a safetensors file as JSON.

#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>

#include "simscale/common/file.h"
#include "simscale/policy/safetensors.h"
#include "simscale/train/test_toy.h"

int main(int argc, char** argv) {
  using namespace simscale;
  try {
    if (argc == 3 && std::string(argv[1]) == "--tensors") {
      const auto file = policy::SafetensorsFile::Read(argv[2]);
      nlohmann::json json = {{"metadata", file.metadata()}, {"tensors", nlohmann::json::object()}};
      for (const policy::TensorInfo& tensor : file.tensors()) {
        const auto bytes = file.Bytes(tensor);
        Sha256 hash;
        hash.Update(bytes);
        json["tensors"][tensor.name] = {
            {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"sha256", hash.Hex()}};
      }
      std::puts(json.dump().c_str());
      return 0;
    }
    if (argc != 2) return 2;
    const fs::path dir = argv[1];
    train::testing::WriteToyDataset(dir / "toy.hdf5", 30);
    train::TrainConfig config = train::testing::ToyConfig(dir / "toy.hdf5", dir / "run");
    train::TrainHooks hooks{.evaluate = train::testing::EvaluateToy};
    // In two pieces, so that TensorBoard sees a resumed run. After a kill it goes on where it was.
    train::RunTraining(config, {.resume = true, .stop_after = 250}, hooks);
    train::RunTraining(config, {.resume = true}, hooks);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
