#include "simscale/env/terms/frame.h"

#include <vector>

#include "simscale/common/error.h"

namespace simscale::env {

Frame::Frame(const sim::Model& model, const std::string& key, const std::string& name) {
  site_ = mj_name2id(model.get(), mjOBJ_SITE, name.c_str());
  body_ =
      site_ >= 0 ? model->site_bodyid[site_] : mj_name2id(model.get(), mjOBJ_BODY, name.c_str());
  if (site_ >= 0 || body_ >= 0) return;
  std::vector<std::string> known;
  for (const auto& [type, count] :
       {std::pair<mjtObj, int>{mjOBJ_SITE, model->nsite}, {mjOBJ_BODY, model->nbody}}) {
    for (int i = 0; i < count; ++i) {
      if (const char* text = mj_id2name(model.get(), type, i)) known.emplace_back(text);
    }
  }
  ThrowUser(key, ": ", UnknownName("site or body", name, known));
}

const double* Frame::position(const mjData* data) const {
  return site_ >= 0 ? data->site_xpos + 3 * site_ : data->xpos + 3 * body_;
}

std::array<double, 4> Frame::quaternion(const mjData* data) const {
  std::array<double, 4> quat;
  if (site_ >= 0) {
    mju_mat2Quat(quat.data(), data->site_xmat + 9 * site_);
  } else {
    mju_copy4(quat.data(), data->xquat + 4 * body_);
  }
  return quat;
}

double Frame::DistanceTo(const Frame& other, const mjData* data) const {
  return mju_dist3(position(data), other.position(data));
}

}  // namespace simscale::env
