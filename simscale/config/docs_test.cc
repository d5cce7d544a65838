#include <gtest/gtest.h>

#include "simscale/config/example_config.h"

namespace simscale::config {
namespace {

const FieldDoc& Find(const std::vector<FieldDoc>& docs, const std::string& path) {
  for (const FieldDoc& doc : docs)
    if (doc.path == path) return doc;
  throw Error("no " + path);
}

TEST(Docs, OneEntryAFieldWithItsDefault) {
  const std::vector<FieldDoc> docs = Docs<ExampleConfig>();
  std::vector<std::string> paths;
  for (const FieldDoc& doc : docs) paths.push_back(doc.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"name", "loss", "seed", "steps", "lr", "hidden",
                                             "cameras_used", "control", "control.rate_hz",
                                             "control.interpolate", "cameras", "cameras.<i>.name",
                                             "cameras.<i>.fovy", "cameras.<i>.pos", "rewards",
                                             "rewards.<name>.weight", "rewards.<name>.params"}));
  const FieldDoc& rate = Find(docs, "control.rate_hz");
  EXPECT_EQ(rate.type, "int");
  EXPECT_EQ(rate.initial, "20");
  EXPECT_EQ(rate.unit, "Hz");
  EXPECT_EQ(rate.range, "1 .. 1000");
  EXPECT_EQ(rate.help, "control rate");
  EXPECT_EQ(Find(docs, "loss").range, "one of l1, mse");
  EXPECT_EQ(Find(docs, "steps").range, ">= 1");
  EXPECT_EQ(Find(docs, "lr").initial, "0.0003");
  EXPECT_EQ(Find(docs, "hidden").type, "list of ints");
  EXPECT_EQ(Find(docs, "hidden").initial, "[256, 256]");
  EXPECT_EQ(Find(docs, "cameras.<i>.pos").type, "list of 3 numbers");
  EXPECT_EQ(Find(docs, "control").type, "section");
  EXPECT_EQ(Find(docs, "cameras").initial, "[]");
  EXPECT_EQ(Find(docs, "rewards").initial, "{success}");
  EXPECT_EQ(Find(docs, "rewards.<name>.params").initial, "null");
}

TEST(Docs, ShowPresetsValues) {
  ExampleConfig preset;
  preset.lr = 1e-3;
  preset.cameras.resize(2);
  const std::vector<FieldDoc> docs = Docs(preset);
  EXPECT_EQ(Find(docs, "lr").initial, "0.001");
  EXPECT_EQ(Find(docs, "cameras").initial, "2 items");
}

TEST(Docs, TextIsAligned) {
  EXPECT_EQ(Cat("\n", DocsAsText(Docs<ExampleConfig>())),
            R"(
  name                   text               reach                                   what it is called
  loss                   text               l1                 one of l1, mse       loss | measure
  seed                   int                1                                       seed
  steps                  int                1000               >= 1                 updates
  lr                     number             0.0003             0 .. 1               learning rate
  hidden                 list of ints       [256, 256]         >= 1                 layer widths
  cameras_used           list of texts      [front]            one of front, wrist  cameras
  control: controller
  control.rate_hz        int                20 Hz              1 .. 1000            control rate
  control.interpolate    bool               true                                    ramp targets between control steps
  cameras                list of maps       []                                      named cameras
  cameras.<i>.name       text               camera                                  its name
  cameras.<i>.fovy       number             45.0 deg           1 .. 179             vertical field of view
  cameras.<i>.pos        list of 3 numbers  [0.0, 0.0, 1.0] m  >= -10               place
  rewards                map of maps        {success}                               reward terms
  rewards.<name>.weight  number             1.0                                     factor
  rewards.<name>.params  any                null                                    the term's own parameters
)");
}

TEST(Docs, MarkdownTable) {
  const std::string markdown = DocsAsMarkdown(Docs<ExampleConfig>());
  EXPECT_EQ(markdown.substr(0, markdown.find("| `seed`")),
            "| Field | Type | Default | Unit | Range | Meaning |\n"
            "|---|---|---|---|---|---|\n"
            "| `name` | text | `reach` |  |  | what it is called |\n"
            "| `loss` | text | `l1` |  | one of l1, mse | loss \\| measure |\n");
  EXPECT_NE(markdown.find("| `control` | section |  |  |  | controller |\n"), std::string::npos);
  EXPECT_NE(markdown.find("| `cameras.<i>.fovy` | number | `45.0` | deg | 1 .. 179 | vertical"),
            std::string::npos);
}

}  // namespace
}  // namespace simscale::config
