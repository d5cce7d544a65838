#pragma once

#include "simscale/env/randomization/model_overlay.h"

namespace simscale::env {

/// A body's bounding-box tree (mjModel::bvh_aabb), which the collision midphase of bodies with
/// several geoms relies on. Its boxes lie in the body's inertial frame, and mj_setConst leaves them
/// as they were compiled: they must follow sizes and centres of mass.
void TouchBodyBoxes(const mjModel* model, int body, ModelPieces& pieces);
/// After the centre of mass moved by shift (in the body's frame).
void ShiftBodyBoxes(mjModel* model, int body, const mjtNum shift[3]);
/// After geom_aabb of `geom` changed.
void RefitBodyBoxes(mjModel* model, int geom);

}  // namespace simscale::env
