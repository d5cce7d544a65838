#pragma once

#include <mujoco/mujoco.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "simscale/sim/model.h"

namespace simscale::env {

class Randomization;

/// The pieces of an mjModel that something writes. A model's arrays lie in one buffer with the same
/// layout in every copy, so a piece is an offset.
class ModelPieces {
 public:
  struct Piece {
    bool in_struct = false;  ///< of the mjModel itself (opt, stat, vis), else of its buffer
    size_t offset = 0, bytes = 0;
  };
  explicit ModelPieces(const mjModel* model) : model_(model) {}
  /// `count` entries from `first` on, which lies in the model's buffer or struct.
  template <class T>
  void Add(const T* first, size_t count) {
    AddBytes(reinterpret_cast<const std::byte*>(first), count * sizeof(T));
  }
  /// What mj_setConst derives from masses, inertias, armatures, sizes and places.
  void AddDerived();
  /// Sorted, without overlaps; pieces that nearly touch are one.
  std::vector<Piece> Merged() const;

 private:
  void AddBytes(const std::byte* first, size_t bytes);
  const mjModel* model_;
  std::vector<Piece> pieces_;
};

/// A thread's own copy of the task's model, whose randomised pieces change from row to row, with
/// the scratch that working them out takes. Moves, does not copy.
class ThreadModel {
 public:
  explicit ThreadModel(const sim::Model& nominal);
  const mjModel* get() const { return model_.get(); }

 private:
  friend class ModelOverlay;
  std::unique_ptr<mjModel, void (*)(mjModel*)> model_;
  std::unique_ptr<mjData, void (*)(mjData*)> data_{nullptr, mj_deleteData};
  std::vector<double> workspace_;
};

/// What a task's randomisation changes of its model, as one block of bytes a row: a row keeps its
/// block, a thread one whole model. Compiled once a task; const, and shared by threads.
class ModelOverlay {
 public:
  /// Keeps references to both.
  ModelOverlay(const sim::Model& nominal, const Randomization& randomization);

  /// Bytes of a row's block; 0: the randomisation leaves the model alone.
  size_t size() const { return size_; }

  /// Works a row's block out of its sampled values ([P], see Randomization) and leaves it loaded in
  /// `scratch`. A function of `values` alone, whatever was loaded before. For resets and interval
  /// draws: it may run mj_setConst, which takes about as long as a few physics steps.
  /// Allocates nothing but on a ThreadModel's first call.
  void Expand(std::span<const double> values, ThreadModel& scratch,
              std::span<std::byte> block) const;
  /// Makes `scratch` the row's model; a few memcpy, for every control step.
  void Load(std::span<const std::byte> block, ThreadModel& scratch) const;
  /// Makes `scratch` the task's model again.
  void LoadNominal(ThreadModel& scratch) const;

 private:
  sim::Model nominal_;
  const Randomization& randomization_;
  std::vector<ModelPieces::Piece> pieces_;
  std::vector<std::byte> nominal_block_;
  size_t size_ = 0;
};

}  // namespace simscale::env
