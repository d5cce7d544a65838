#include "simscale/train/curves.h"

#include <cairo/cairo-svg.h>
#include <cairo/cairo.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/text.h"

namespace simscale::train {
namespace {

struct Line {
  const char *label, *kind, *name;
};
struct PanelKind {
  const char* title;
  std::vector<Line> lines;
};

const std::vector<PanelKind>& Kinds() {
  static const std::vector<PanelKind> kKinds = {
      {"success rate",
       {{"held-out seeds", "eval", "success_rate"},
        {"training", "train_episodes", "success_rate"}}},
      {"return of an episode",
       {{"held-out seeds", "eval", "mean_return"}, {"training", "train_episodes", "mean_return"}}},
      {"length of an episode, steps",
       {{"held-out seeds", "eval", "mean_length"}, {"training", "train_episodes", "mean_length"}}},
      {"reward terms, an episode", {{"", "train_reward", ""}}},
      {"loss",
       {{"training", "train", "loss"},
        {"validation", "validation", "loss"},
        {"value", "train", "value_loss"}}},
      {"explained variance", {{"of returns by the critic", "train", "explained_variance"}}},
      {"an update's step",
       {{"KL divergence", "train", "kl"}, {"share clipped", "train", "clip_fraction"}}},
      {"deviation of actions", {{"", "train", "std"}}},
      {"learning rate", {{"", "train", "lr"}}}};
  return kKinds;
}

// Okabe and Ito's colours, which the colour-blind tell apart as well.
constexpr std::array<std::array<double, 3>, 7> kColours = {{{0.00, 0.45, 0.70},
                                                            {0.90, 0.62, 0.00},
                                                            {0.00, 0.62, 0.45},
                                                            {0.84, 0.37, 0.00},
                                                            {0.80, 0.47, 0.65},
                                                            {0.34, 0.71, 0.91},
                                                            {0.30, 0.30, 0.30}}};
constexpr double kWidth = 380, kHeight = 260, kTitle = 34;  // of a panel; of the picture's title
constexpr double kLeft = 58, kRight = 14, kTop = 42, kBottom = 34;
constexpr int kColumns = 3;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void Add(double v) { low = std::min(low, v), high = std::max(high, v); }
};

/// 1, 2 or 5 times a power of ten, so that there are about `count` of them.
double TickStep(double span, int count) {
  const double rough = span / count, power = std::pow(10, std::floor(std::log10(rough)));
  const double ratio = rough / power;
  return power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
}

/// "250k", "1.5M", "0.02".
std::string Short(double v, double step) {
  const double size = std::max(std::abs(v), step);
  const auto [unit, suffix] = size >= 1e6   ? std::pair{1e6, "M"}
                              : size >= 1e4 ? std::pair{1e3, "k"}
                                            : std::pair{1.0, ""};
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step / unit) - 1e-9)), 0, 6);
  return Fixed(std::abs(v) < step * 1e-6 ? 0 : v / unit, digits) + suffix;
}

class Painter {
 public:
  explicit Painter(cairo_surface_t* surface) : cr_(cairo_create(surface)) {
    cairo_set_source_rgb(cr_, 1, 1, 1);
    cairo_paint(cr_);
    cairo_set_source_rgb(cr_, 0.1, 0.1, 0.1);
    cairo_select_font_face(cr_, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  }
  ~Painter() { cairo_destroy(cr_); }
  Painter(const Painter&) = delete;
  Painter& operator=(const Painter&) = delete;

  /// align: 0: begins at x, 0.5: in the middle, 1: ends there. Returns the width.
  double Text(const std::string& text, double x, double y, double size, double align) {
    cairo_set_font_size(cr_, size);
    cairo_text_extents_t extents;
    cairo_text_extents(cr_, text.c_str(), &extents);
    cairo_move_to(cr_, x - align * extents.x_advance, y);
    cairo_show_text(cr_, text.c_str());
    return extents.x_advance;
  }

  void Draw(const Panel& panel, double x0, double y0) {
    Range x, y;
    for (const Curve& curve : panel.curves)
      for (const auto& [step, value] : curve.points) x.Add(step), y.Add(value);
    x.Add(0);
    if (x.high == x.low) x.high += 1;
    double margin = 0.05 * (y.high - y.low);
    if (y.high == y.low) margin = y.high == 0 ? 1 : 0.1 * std::abs(y.high);
    y.low -= margin, y.high += margin;
    const double left = x0 + kLeft, right = x0 + kWidth - kRight;
    const double top = y0 + kTop, bottom = y0 + kHeight - kBottom;
    const auto at_x = [&](double v) {
      return left + (v - x.low) / (x.high - x.low) * (right - left);
    };
    const auto at_y = [&](double v) {
      return bottom - (v - y.low) / (y.high - y.low) * (bottom - top);
    };
    cairo_set_source_rgb(cr_, 0.1, 0.1, 0.1);
    Text(panel.title, left, y0 + 18, 12, 0);
    double legend = left;
    cairo_set_line_width(cr_, 0.6);
    const auto line = [&](double ax, double ay, double bx, double by) {
      cairo_set_source_rgb(cr_, 0.87, 0.87, 0.87);
      cairo_move_to(cr_, ax, ay);
      cairo_line_to(cr_, bx, by);
      cairo_stroke(cr_);
      cairo_set_source_rgb(cr_, 0.35, 0.35, 0.35);
    };
    const double step_x = TickStep(x.high - x.low, 5), step_y = TickStep(y.high - y.low, 5);
    for (double v = std::ceil(x.low / step_x) * step_x; v <= x.high + 1e-9 * step_x; v += step_x) {
      line(at_x(v), top, at_x(v), bottom);
      Text(Short(v, step_x), at_x(v), bottom + 14, 10, 0.5);
    }
    for (double v = std::ceil(y.low / step_y) * step_y; v <= y.high + 1e-9 * step_y; v += step_y) {
      line(left, at_y(v), right, at_y(v));
      Text(Short(v, step_y), left - 5, at_y(v) + 3.5, 10, 1);
    }
    Text("steps", right, bottom + 27, 10, 1);
    for (size_t c = 0; c < panel.curves.size(); ++c) {
      const auto& colour = kColours[c % kColours.size()];
      cairo_set_source_rgb(cr_, colour[0], colour[1], colour[2]);
      cairo_set_line_width(cr_, 1.4);
      cairo_set_line_join(cr_, CAIRO_LINE_JOIN_ROUND);
      const auto& points = panel.curves[c].points;
      for (size_t i = 0; i < points.size(); ++i)
        (i == 0 ? cairo_move_to : cairo_line_to)(cr_, at_x(points[i].first),
                                                 at_y(points[i].second));
      cairo_stroke(cr_);
      if (points.size() < 40) {
        for (const auto& [step, value] : points) {
          cairo_arc(cr_, at_x(step), at_y(value), 2, 0, 2 * std::acos(-1));
          cairo_fill(cr_);
        }
      }
      if (!panel.curves[c].label.empty())
        legend += 12 + Text(panel.curves[c].label, legend, y0 + 34, 10, 0);
    }
  }

 private:
  cairo_t* cr_;
};

/// Points that a picture of this width can't show apart are averaged.
void Thin(std::vector<std::pair<double, double>>& points) {
  constexpr size_t kMost = 400;
  if (points.size() <= kMost) return;
  std::vector<std::pair<double, double>> thin;
  for (size_t k = 0; k < kMost; ++k) {
    const size_t begin = k * points.size() / kMost, end = (k + 1) * points.size() / kMost;
    double x = 0, y = 0;
    for (size_t i = begin; i < end; ++i) x += points[i].first, y += points[i].second;
    const auto count = static_cast<double>(end - begin);
    thin.emplace_back(x / count, y / count);
  }
  points = std::move(thin);
}

}  // namespace

std::vector<Panel> ReadCurves(const fs::path& metrics) {
  std::vector<Panel> panels;
  for (const PanelKind& kind : Kinds()) panels.push_back({.title = kind.title});
  for (const std::string& text : Split(ReadFile(metrics), '\n')) {
    const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number()) continue;
    const std::string kind = json.value("kind", "");
    for (size_t p = 0; p < panels.size(); ++p) {
      for (const Line& line : Kinds()[p].lines) {
        if (kind != line.kind) continue;
        for (const auto& [name, value] : json.items()) {
          const bool any = *line.name == '\0';
          if (name == "step" || !value.is_number() || (!any && name != line.name)) continue;
          const std::string label = any ? name : line.label;
          auto& curves = panels[p].curves;
          auto it = std::ranges::find(curves, label, &Curve::label);
          if (it == curves.end()) it = curves.insert(curves.end(), {.label = label, .points = {}});
          it->points.emplace_back(json["step"].get<double>(), value.get<double>());
        }
      }
    }
  }
  std::erase_if(panels, [](const Panel& panel) { return panel.curves.empty(); });
  for (Panel& panel : panels)
    for (Curve& curve : panel.curves) Thin(curve.points);
  return panels;
}

void DrawCurves(const std::vector<Panel>& panels, const std::string& title, const fs::path& path) {
  const std::string ending = path.extension().string();
  if (ending != ".png" && ending != ".svg")
    ThrowUser(path.string(), ": curves are drawn as .png or .svg");
  const int count = std::max(static_cast<int>(panels.size()), 1);
  const int columns = std::min(kColumns, count), rows = (count + columns - 1) / columns;
  const double scale = ending == ".png" ? 2 : 1;
  const double width = kWidth * columns, height = kTitle + kHeight * rows;
  std::string bytes;
  const auto write = [](void* closure, const unsigned char* data, unsigned length) {
    static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
    return CAIRO_STATUS_SUCCESS;
  };
  using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;
  const Surface surface(
      ending == ".png"
          ? cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width * scale),
                                       static_cast<int>(height * scale))
          : cairo_svg_surface_create_for_stream(write, &bytes, width, height),
      cairo_surface_destroy);
  cairo_surface_set_device_scale(surface.get(), scale, scale);
  {
    Painter painter(surface.get());
    painter.Text(title, 14, 24, 14, 0);
    for (int i = 0; i < static_cast<int>(panels.size()); ++i)
      painter.Draw(panels[static_cast<size_t>(i)], kWidth * (i % columns),
                   kTitle + kHeight * (i / columns));
  }
  if (ending == ".png") cairo_surface_write_to_png_stream(surface.get(), write, &bytes);
  cairo_surface_finish(surface.get());
  if (const cairo_status_t status = cairo_surface_status(surface.get());
      status != CAIRO_STATUS_SUCCESS && bytes.empty())
    ThrowIo(path.string(), ": can't draw curves: ", cairo_status_to_string(status));
  WriteFileAtomic(path, bytes);
}

}  // namespace simscale::train
