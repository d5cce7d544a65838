// What a model's names mean, and states. Apart from model.cc since plugins link this file, and it
// needs MuJoCo alone.

#include <cmath>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/sim/model.h"

namespace simscale::sim {
namespace {

int CountOf(const mjModel* model, mjtObj type) {
  switch (type) {
    case mjOBJ_BODY:
      return static_cast<int>(model->nbody);
    case mjOBJ_JOINT:
      return static_cast<int>(model->njnt);
    case mjOBJ_GEOM:
      return static_cast<int>(model->ngeom);
    case mjOBJ_SITE:
      return static_cast<int>(model->nsite);
    case mjOBJ_CAMERA:
      return static_cast<int>(model->ncam);
    case mjOBJ_LIGHT:
      return static_cast<int>(model->nlight);
    case mjOBJ_MATERIAL:
      return static_cast<int>(model->nmat);
    case mjOBJ_TEXTURE:
      return static_cast<int>(model->ntex);
    case mjOBJ_MESH:
      return static_cast<int>(model->nmesh);
    case mjOBJ_TENDON:
      return static_cast<int>(model->ntendon);
    case mjOBJ_EQUALITY:
      return static_cast<int>(model->neq);
    case mjOBJ_ACTUATOR:
      return static_cast<int>(model->nu);
    case mjOBJ_SENSOR:
      return static_cast<int>(model->nsensor);
    case mjOBJ_KEY:
      return static_cast<int>(model->nkey);
    default:
      return 0;
  }
}

const char* TypeName(mjtObj type) {
  const char* name = mju_type2Str(type);
  return name != nullptr ? name : "object";
}

}  // namespace

int Model::Id(mjtObj type, const std::string& name) const {
  int id = mj_name2id(get(), type, name.c_str());
  if (id >= 0) return id;
  std::vector<std::string> known;
  for (int i = 0; i < CountOf(get(), type); ++i)
    if (const char* other = mj_id2name(get(), type, i)) known.emplace_back(other);
  throw UserError(UnknownName(Cat(TypeName(type), " of the model"), name, known));
}

int Model::JointQposAddress(const std::string& joint) const {
  return get()->jnt_qposadr[Id(mjOBJ_JOINT, joint)];
}

int Model::JointDofAddress(const std::string& joint) const {
  return get()->jnt_dofadr[Id(mjOBJ_JOINT, joint)];
}

Data::Data(const mjModel* model) : data_(mj_makeData(model), mj_deleteData) {
  if (!data_) ThrowIo("MuJoCo could not allocate a simulation state (out of memory?)");
}

int StateSize(const mjModel* model) {
  return static_cast<int>(mj_stateSize(model, mjSTATE_INTEGRATION));
}

namespace {
void CheckStateSize(const mjModel* model, size_t size) {
  if (size != static_cast<size_t>(StateSize(model)))
    throw ShapeError(
        Cat("a physics state of this model has ", StateSize(model), " numbers, got ", size));
}
}  // namespace

void GetState(const mjModel* model, const mjData* data, std::span<double> state) {
  CheckStateSize(model, state.size());
  mj_getState(model, data, state.data(), mjSTATE_INTEGRATION);
}

void SetState(const mjModel* model, mjData* data, std::span<const double> state, Refresh refresh) {
  CheckStateSize(model, state.size());
  mj_setState(model, data, state.data(), mjSTATE_INTEGRATION);
  // Neither writes anything that belongs to the integration state, so the warm start that was just
  // set stays as it is.
  if (refresh == Refresh::kForward)
    mj_forward(model, data);
  else
    mj_step1(model, data);
}

bool IsFinite(const mjModel* m, const mjData* data, std::string* what) {
  auto bad = [](double x) { return !(std::abs(x) < mjMAXVAL); };
  auto report = [&](const char* array, int index, int joint, double value) {
    if (what != nullptr) {
      const char* name = joint >= 0 ? mj_id2name(m, mjOBJ_JOINT, joint) : nullptr;
      *what = Cat(array, "[", index, "] of joint '", name != nullptr ? name : "?", "' is ", value);
    }
    return false;
  };
  for (int i = 0; i < m->nq; ++i)
    if (bad(data->qpos[i])) {
      int joint = -1;
      for (int j = 0; j < m->njnt && m->jnt_qposadr[j] <= i; ++j) joint = j;
      return report("qpos", i, joint, data->qpos[i]);
    }
  for (int i = 0; i < m->nv; ++i) {
    if (bad(data->qvel[i])) return report("qvel", i, m->dof_jntid[i], data->qvel[i]);
    if (bad(data->qacc[i])) return report("qacc", i, m->dof_jntid[i], data->qacc[i]);
  }
  return true;
}

int StartKeyframe(const mjModel* model) { return mj_name2id(model, mjOBJ_KEY, "home"); }

void ResetToStart(const mjModel* model, mjData* data) {
  ResetToStart(model, data, StartKeyframe(model));
}

}  // namespace simscale::sim
