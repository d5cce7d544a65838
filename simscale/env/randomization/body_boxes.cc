#include "simscale/env/randomization/body_boxes.h"

#include <algorithm>
#include <cmath>

namespace simscale::env {
namespace {

/// The smallest box, along the body's inertial frame, around a geom's own.
void LeafBox(const mjModel* m, int geom, mjtNum box[6]) {
  const int body = m->geom_bodyid[geom];
  const mjtNum* aabb = m->geom_aabb + 6 * geom;
  mjtNum to_inertial[4], inertial[9], geom_mat[9], rotation[9], centre[3];
  mju_negQuat(to_inertial, m->body_iquat + 4 * body);
  mju_quat2Mat(inertial, to_inertial);
  mju_quat2Mat(geom_mat, m->geom_quat + 4 * geom);
  mju_mulMatMat(rotation, inertial, geom_mat, 3, 3, 3);
  mju_mulMatVec3(centre, geom_mat, aabb);
  mju_addTo3(centre, m->geom_pos + 3 * geom);
  mju_subFrom3(centre, m->body_ipos + 3 * body);
  mju_mulMatVec3(box, inertial, centre);
  for (int i = 0; i < 3; ++i) {
    box[3 + i] = 0;
    for (int j = 0; j < 3; ++j) box[3 + i] += std::abs(rotation[3 * i + j]) * aabb[3 + j];
  }
}

void Around(const mjtNum a[6], const mjtNum b[6], mjtNum box[6]) {
  for (int i = 0; i < 3; ++i) {
    const mjtNum low = std::min(a[i] - a[3 + i], b[i] - b[3 + i]);
    const mjtNum high = std::max(a[i] + a[3 + i], b[i] + b[3 + i]);
    box[i] = (low + high) / 2;
    box[3 + i] = (high - low) / 2;
  }
}

/// Whether the tree's node `node` holds `geom`; boxes on the way to it are made anew.
bool Refit(mjModel* m, int root, int node, int geom) {
  const int at = root + node;
  mjtNum* box = m->bvh_aabb + 6 * at;
  if (m->bvh_nodeid[at] >= 0) {
    if (m->bvh_nodeid[at] != geom) return false;
    LeafBox(m, geom, box);
    return true;
  }
  const int left = m->bvh_child[2 * at], right = m->bvh_child[2 * at + 1];
  if (!Refit(m, root, left, geom) && !Refit(m, root, right, geom)) return false;
  Around(m->bvh_aabb + 6 * (root + left), m->bvh_aabb + 6 * (root + right), box);
  return true;
}

}  // namespace

void TouchBodyBoxes(const mjModel* m, int body, ModelPieces& pieces) {
  if (m->body_bvhnum[body] <= 0) return;
  pieces.Add(m->bvh_aabb + 6 * m->body_bvhadr[body], 6 * static_cast<size_t>(m->body_bvhnum[body]));
}

void ShiftBodyBoxes(mjModel* m, int body, const mjtNum shift[3]) {
  mjtNum back[4], offset[3];
  mju_negQuat(back, m->body_iquat + 4 * body);
  mju_rotVecQuat(offset, shift, back);
  for (int i = 0; i < m->body_bvhnum[body]; ++i) {
    mju_subFrom3(m->bvh_aabb + 6 * (m->body_bvhadr[body] + i), offset);
  }
}

void RefitBodyBoxes(mjModel* m, int geom) {
  const int body = m->geom_bodyid[geom];
  if (m->body_bvhnum[body] > 0) Refit(m, m->body_bvhadr[body], 0, geom);
}

}  // namespace simscale::env
