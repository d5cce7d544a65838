#include "simscale/policy/nets/image_encoder.h"

#include <cmath>

#include "simscale/common/error.h"

namespace simscale::policy {
namespace {

int Cropped(int side, double share) {
  return std::max(1, static_cast<int>(std::lround(side * share)));
}

}  // namespace

ImageEncoderImpl::ImageEncoderImpl(int height, int width, const ImageEncoderConfig& config)
    : height_(height),
      width_(width),
      crop_height_(Cropped(height, config.crop)),
      crop_width_(Cropped(width, config.crop)) {
  config.Validate();
  int in = 3, h = crop_height_, w = crop_width_;
  // Where the middle of a map's first element looks, and how far apart its elements are.
  double first = 0.5, apart = 1;
  for (size_t i = 0; i < config.channels.size(); ++i) {
    const int kernel = config.kernels[i], stride = config.strides[i];
    if (h < kernel || w < kernel) {
      ThrowUser("image: a picture of ", width, "x", height, ", cropped to ", crop_width_, "x",
                crop_height_, ", is too small for layer ", i, " (", w, "x", h, " with kernel ",
                kernel, "). Take fewer layers, smaller strides or larger pictures");
    }
    convolutions_.push_back(register_module(
        Cat("conv_", i),
        torch::nn::Conv2d(
            torch::nn::Conv2dOptions(in, config.channels[i], kernel).stride(stride))));
    if (i + 1 < config.channels.size()) {
      const int groups = config.channels[i] % 8 == 0 ? 8 : 1;
      norms_.push_back(register_module(
          Cat("norm_", i),
          torch::nn::GroupNorm(torch::nn::GroupNormOptions(groups, config.channels[i]))));
    }
    convolutions_.back()->weight.set_data(
        convolutions_.back()->weight.contiguous(torch::MemoryFormat::ChannelsLast));
    h = (h - kernel) / stride + 1;
    w = (w - kernel) / stride + 1;
    first += apart * (kernel - 1) / 2.0;
    apart *= stride;
    in = config.channels[i];
  }
  // A softmax that is all but even has all but no gradient: begin with a sharper one.
  constexpr double kSharpness = 4;
  log_temperature_ = register_parameter("log_temperature", torch::full({}, std::log(kSharpness)));
  out_ = register_module("out", torch::nn::Linear(2 * in, config.features));
  const torch::Tensor x = first + apart * torch::arange(w, torch::kFloat32);
  const torch::Tensor y = first + apart * torch::arange(h, torch::kFloat32);
  places_ = torch::stack({x.repeat({h}), y.repeat_interleave(w)}, 1);
}

torch::Tensor ImageEncoderImpl::forward(const torch::Tensor& image_BHWC) {
  const int64_t batch = image_BHWC.size(0);
  const int64_t free_y = height_ - crop_height_, free_x = width_ - crop_width_;
  const auto options = torch::dtype(torch::kInt64).device(image_BHWC.device());
  torch::Tensor crop, offset_x, offset_y;  // offsets: [B]
  if (is_training() && free_y + free_x > 0) {
    offset_y = torch::randint(free_y + 1, {batch}, options);
    offset_x = torch::randint(free_x + 1, {batch}, options);
    const torch::Tensor row =
        (offset_y.unsqueeze(1) + torch::arange(crop_height_, options)).unsqueeze(2);
    const torch::Tensor column =
        (offset_x.unsqueeze(1) + torch::arange(crop_width_, options)).unsqueeze(1);
    crop = image_BHWC.index({torch::arange(batch, options).view({-1, 1, 1}), row, column});
  } else {
    offset_y = torch::full({batch}, free_y / 2, options);
    offset_x = torch::full({batch}, free_x / 2, options);
    crop = image_BHWC.narrow(1, free_y / 2, crop_height_).narrow(2, free_x / 2, crop_width_);
  }
  torch::Tensor x = crop.permute({0, 3, 1, 2}).to(torch::kFloat32).div_(127.5).sub_(1);
  for (size_t i = 0; i < convolutions_.size(); ++i) {
    x = convolutions_[i]->forward(x);
    if (i < norms_.size()) x = torch::relu(norms_[i]->forward(x));
  }
  const int64_t channels = x.size(1);
  const torch::Tensor logits = x.flatten(2) * log_temperature_.exp();             // [B, C, h w]
  torch::Tensor mean = torch::matmul(logits.softmax(2), places_.to(x.device()));  // [B, C, 2]
  const torch::Tensor offset = torch::stack({offset_x, offset_y}, 1).to(torch::kFloat32);
  const torch::Tensor size =
      torch::tensor({static_cast<float>(width_), static_cast<float>(height_)}, mean.options());
  mean = (mean + offset.unsqueeze(1)) / (size * 0.5) - 1;
  return out_->forward(mean.reshape({batch, channels * 2}));
}

}  // namespace simscale::policy
