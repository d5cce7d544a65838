#pragma once

// For this layer's tests.

#include <mujoco/mujoco.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace simscale::render {

struct ModelDeleter {
  void operator()(mjModel* model) const { mj_deleteModel(model); }
  void operator()(mjData* data) const { mj_deleteData(data); }
};

/// A model of an MJCF text, and its state at the start.
struct Scene {
  explicit Scene(const std::string& xml) {
    char error[500] = "";
    mjSpec* spec = mj_parseXMLString(xml.c_str(), nullptr, error, sizeof error);
    if (spec == nullptr) throw std::runtime_error(error);
    model.reset(mj_compile(spec, nullptr));
    const std::string why = model ? "" : mjs_getError(spec);
    mj_deleteSpec(spec);
    if (!model) throw std::runtime_error(why);
    data.reset(mj_makeData(model.get()));
    mj_forward(model.get(), data.get());
  }
  std::unique_ptr<mjModel, ModelDeleter> model;
  std::unique_ptr<mjData, ModelDeleter> data;
};

}  // namespace simscale::render
