#include "simscale/env/randomization/model_overlay.h"

#include <algorithm>
#include <cstring>

#include "simscale/common/error.h"
#include "simscale/env/randomization/randomization.h"

namespace simscale::env {
namespace {

template <class Bytes>
Bytes* BaseOf(bool in_struct, mjModel* model) {
  return in_struct ? reinterpret_cast<Bytes*>(model) : static_cast<Bytes*>(model->buffer);
}

}  // namespace

void ModelPieces::AddBytes(const std::byte* first, size_t bytes) {
  if (bytes == 0) return;
  const auto* self = reinterpret_cast<const std::byte*>(model_);
  const auto* buffer = static_cast<const std::byte*>(model_->buffer);
  Piece piece;
  piece.bytes = bytes;
  piece.in_struct = first >= self && first + bytes <= self + sizeof(mjModel);
  const std::byte* base = piece.in_struct ? self : buffer;
  SIMSCALE_CHECK(piece.in_struct || (first >= buffer && first + bytes <= buffer + model_->nbuffer));
  piece.offset = static_cast<size_t>(first - base);
  pieces_.push_back(piece);
}

void ModelPieces::AddDerived() {
  const mjModel* m = model_;
  const auto nbody = static_cast<size_t>(m->nbody), nv = static_cast<size_t>(m->nv);
  const auto ntendon = static_cast<size_t>(m->ntendon), nout = static_cast<size_t>(m->nout);
  const auto ncam = static_cast<size_t>(m->ncam), nlight = static_cast<size_t>(m->nlight);
  Add(m->body_subtreemass, nbody);
  Add(m->body_invweight0, 2 * nbody);
  Add(m->body_sameframe, nbody);
  Add(m->geom_sameframe, static_cast<size_t>(m->ngeom));
  Add(m->site_sameframe, static_cast<size_t>(m->nsite));
  Add(m->dof_M0, nv);
  Add(m->dof_invweight0, nv);
  Add(m->dof_length, nv);
  Add(m->tendon_length0, ntendon);
  Add(m->tendon_invweight0, ntendon);
  Add(m->tendon_lengthspring, 2 * ntendon);
  Add(m->actuator_length0, nout);
  Add(m->actuator_acc0, nout);
  Add(m->eq_data, static_cast<size_t>(m->neq) * mjNEQDATA);
  Add(m->cam_pos0, 3 * ncam);
  Add(m->cam_poscom0, 3 * ncam);
  Add(m->cam_mat0, 9 * ncam);
  Add(m->light_pos0, 3 * nlight);
  Add(m->light_poscom0, 3 * nlight);
  Add(m->light_dir0, 3 * nlight);
  Add(m->flexedge_length0, static_cast<size_t>(m->nflexedge));
  Add(m->flexedge_invweight0, static_cast<size_t>(m->nflexedge));
  Add(m->flex_vertmetric, 4 * static_cast<size_t>(m->nflexvert));
  Add(&m->stat, 1);
}

std::vector<ModelPieces::Piece> ModelPieces::Merged() const {
  std::vector<Piece> sorted = pieces_;
  std::ranges::sort(sorted, [](const Piece& a, const Piece& b) {
    return a.in_struct != b.in_struct ? a.in_struct < b.in_struct : a.offset < b.offset;
  });
  // A gap holds the nominal model's bytes, and copying it is quicker than another memcpy.
  constexpr size_t kGap = 64;
  std::vector<Piece> merged;
  for (const Piece& piece : sorted) {
    const bool near = !merged.empty() && merged.back().in_struct == piece.in_struct &&
                      piece.offset <= merged.back().offset + merged.back().bytes + kGap;
    if (near) {
      Piece& last = merged.back();
      last.bytes = std::max(last.bytes, piece.offset + piece.bytes - last.offset);
    } else {
      merged.push_back(piece);
    }
  }
  return merged;
}

ThreadModel::ThreadModel(const sim::Model& nominal)
    : model_(mj_copyModel(nullptr, nominal.get()), mj_deleteModel) {
  if (!model_) ThrowIo("MuJoCo could not copy the model for a thread (out of memory?)");
}

ModelOverlay::ModelOverlay(const sim::Model& nominal, const Randomization& randomization)
    : nominal_(nominal), randomization_(randomization) {
  if (!randomization.changes_model()) return;
  ModelPieces pieces(nominal.get());
  randomization.Touch(nominal.get(), pieces);
  if (randomization.needs_set_const()) pieces.AddDerived();
  pieces_ = pieces.Merged();
  for (const auto& piece : pieces_) size_ += piece.bytes;
  nominal_block_.resize(size_);
  std::byte* out = nominal_block_.data();
  for (const auto& piece : pieces_) {
    const auto* base =
        BaseOf<const std::byte>(piece.in_struct, const_cast<mjModel*>(nominal.get()));
    std::memcpy(out, base + piece.offset, piece.bytes);
    out += piece.bytes;
  }
}

void ModelOverlay::Load(std::span<const std::byte> block, ThreadModel& scratch) const {
  SIMSCALE_CHECK(block.size() == size_);
  const std::byte* from = block.data();
  for (const auto& piece : pieces_) {
    auto* base = BaseOf<std::byte>(piece.in_struct, scratch.model_.get());
    std::memcpy(base + piece.offset, from, piece.bytes);
    from += piece.bytes;
  }
}

void ModelOverlay::LoadNominal(ThreadModel& scratch) const { Load(nominal_block_, scratch); }

void ModelOverlay::Expand(std::span<const double> values, ThreadModel& scratch,
                          std::span<std::byte> block) const {
  SIMSCALE_CHECK(block.size() == size_);
  if (size_ == 0) return;
  mjModel* model = scratch.model_.get();
  scratch.workspace_.resize(static_cast<size_t>(randomization_.workspace_size()));
  LoadNominal(scratch);
  randomization_.ApplyToModel(values, model, scratch.workspace_);
  if (randomization_.needs_set_const()) {
    // Of its own, so that it is the same whatever the environments' states are.
    if (!scratch.data_) scratch.data_.reset(mj_makeData(model));
    if (!scratch.data_) ThrowIo("MuJoCo could not allocate a simulation state (out of memory?)");
    const mjStatistic before = model->stat;
    mj_setConst(model, scratch.data_.get());
    // Clipping planes, shadows and the free camera follow from these: pictures must not jump.
    model->stat.meansize = before.meansize;
    model->stat.extent = before.extent;
    std::ranges::copy(before.center, model->stat.center);
  }
  std::byte* out = block.data();
  for (const auto& piece : pieces_) {
    const auto* base = BaseOf<const std::byte>(piece.in_struct, model);
    std::memcpy(out, base + piece.offset, piece.bytes);
    out += piece.bytes;
  }
}

}  // namespace simscale::env
