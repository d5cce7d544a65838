#include "simscale/train/picture_feed.h"

#include <algorithm>
#include <utility>

namespace simscale::train {
namespace {

std::vector<std::string> Arrays(const std::vector<policy::ImageKey>& keys) {
  std::vector<std::string> arrays;
  for (const policy::ImageKey& key : keys) arrays.push_back("observations/" + key.name);
  return arrays;
}

/// Memory that a GPU copies from without the CPU's help.
std::shared_ptr<std::byte> AllocatePinned(size_t bytes) {
  const torch::Tensor memory =
      torch::empty({static_cast<int64_t>(bytes)}, torch::dtype(torch::kUInt8).pinned_memory(true));
  auto* data = reinterpret_cast<std::byte*>(memory.data_ptr<uint8_t>());
  return {data, [memory](std::byte*) {}};
}

}  // namespace

PictureFeed::PictureFeed(std::vector<data::RowReader::Episode> episodes,
                         const std::vector<policy::ImageKey>& keys,
                         std::vector<int64_t> episode_begin, const LoaderConfig& config,
                         torch::Device device)
    : keys_(keys),
      episode_begin_(std::move(episode_begin)),
      threads_(config.threads),
      device_(device),
      reader_(std::move(episodes), Arrays(keys),
              {.cache_bytes = config.cache_mb << 20,
               .keep_recent = config.shuffle_buffer > 0,
               .map_files = config.map_files}),
      ahead_(MakeLoader()) {}

std::unique_ptr<data::WindowLoader> PictureFeed::MakeLoader() const {
  std::vector<data::WindowArray> arrays;
  for (size_t i = 0; i < keys_.size(); ++i) arrays.push_back({.array = i});
  return std::make_unique<data::WindowLoader>(
      reader_, std::move(arrays), threads_,
      device_.is_cuda() ? AllocatePinned : data::WindowLoader::Allocate());
}

std::vector<data::WindowId> PictureFeed::Ids(const int64_t* windows, int64_t count) const {
  std::vector<data::WindowId> ids;
  ids.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const auto next = std::ranges::upper_bound(episode_begin_, windows[i]);
    const int64_t episode = next - episode_begin_.begin() - 1;
    ids.push_back({.episode = episode, .step = windows[i] - *(next - 1)});
  }
  return ids;
}

std::vector<torch::Tensor> PictureFeed::AsTensors(const data::WindowBatch& batch) const {
  std::vector<torch::Tensor> tensors;
  for (size_t i = 0; i < keys_.size(); ++i)
    tensors.push_back(torch::from_blob(
                          batch.data(i), {batch.size(), keys_[i].height, keys_[i].width, 3},
                          [batch](void*) {}, torch::kUInt8)
                          .to(device_));
  return tensors;
}

void PictureFeed::Ask(const int64_t* windows, int64_t count) { ahead_->Ask(Ids(windows, count)); }

std::vector<torch::Tensor> PictureFeed::Take() { return AsTensors(ahead_->Take()); }

std::vector<torch::Tensor> PictureFeed::Load(const int64_t* windows, int64_t count) {
  if (!at_once_) at_once_ = MakeLoader();
  at_once_->Ask(Ids(windows, count));
  return AsTensors(at_once_->Take());
}

}  // namespace simscale::train
