#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/common/error.h"
#include "simscale/common/text.h"
#include "simscale/data/loader_bench.h"

namespace simscale::cli {
namespace {

struct BenchLoaderConfig : data::LoaderBenchConfig {
  void Describe(config::Fields& f) {
    f.Field("observations", observations,
            {.help = "observations that are read, beside the actions; empty: all"});
    f.Field("window", window, {.help = "steps a window", .min = 1, .max = 4096});
    f.Field("batch_size", batch_size, {.help = "windows a batch", .min = 1, .max = 65536});
    f.Field("batches", batches, {.help = "batches a repeat", .min = 1, .max = 1e6});
    f.Field("prefetch", prefetch, {.help = "batches read ahead", .min = 0, .max = 256});
    f.Field("repeats", repeats, {.help = "the medians are reported", .min = 1, .max = 1000});
    f.Field("threads", threads, {.help = "reader threads; 0: all cores", .min = 0, .max = 1024});
    f.Field("map_files", map_files, {.help = "map the file into memory in place of reading it"});
    f.Field("seed", seed, {.help = "of the windows"});
  }
};

int Run(const Command& command, const std::string& json) {
  const std::vector<std::string> files = command.Arguments();
  if (files.empty()) ThrowUser("bench loader needs a dataset. See simscale bench loader --help.");
  const auto config = command.ReadConfig(BenchLoaderConfig{});
  const Output output(json);
  const data::LoaderBenchReport report = data::BenchLoader(files[0], config);
  const auto line = [&](const char* name, double rate) {
    return Cat(name, Fixed(rate, 0), " windows/s, ",
               Fixed(rate * static_cast<double>(report.bytes_per_window) / 1e6, 0), " MB/s, ",
               Fixed(rate / report.reference, 2), " x the HDF5 library\n");
  };
  output.Text(Cat(files[0], ": windows of ", config.window, " steps, ",
                  report.bytes_per_window / 1000, " kB each, ", report.threads, " reader threads\n",
                  line("from the page cache: ", report.read),
                  line("from the RAM cache:  ", report.cached),
                  "HDF5 library, one thread: ", Fixed(report.reference, 0), " windows/s\n"));
  const nlohmann::ordered_json result = {{"ours", report.read},
                                         {"ours_cached", report.cached},
                                         {"reference", report.reference},
                                         {"ratio", report.read / report.reference},
                                         {"ratio_cached", report.cached / report.reference},
                                         {"unit", "windows/s"},
                                         {"bytes_per_window", report.bytes_per_window},
                                         {"threads", report.threads}};
  output.Json(result.dump(1) + "\n");
  if (!report.same_bytes)
    throw Error("the loader and the HDF5 library read different bytes: the ratio means nothing");
  return kOk;
}

}  // namespace

void AddBenchLoader(Cli& cli, Command& bench) {
  Command& command =
      cli.Add(&bench, "loader", "measure reading windows of a dataset against the HDF5 library");
  auto json = std::make_shared<std::string>();
  command.Configure(config::Docs<BenchLoaderConfig>());
  command.TakesArgument("FILE", "a dataset");
  command.FieldFlag("--window", "window", "N");
  command.FieldFlag("--batch-size", "batch_size", "N");
  command.FieldFlag("--threads", "threads", "N");
  command.FieldFlag("--repeats", "repeats", "N");
  command.FieldFlag("--seed", "seed", "N");
  AddJsonFlag(command, *json);
  command.Run([&command, json] { return Run(command, *json); });
}

}  // namespace simscale::cli
