#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace simscale::train {

/// One line of a panel: points (step, value) of one number of one kind of record.
struct Curve {
  std::string label;
  std::vector<std::pair<double, double>> points;
};

struct Panel {
  std::string title;
  std::vector<Curve> curves;
};

/// The curves of a run, from its metrics.jsonl: success, return, length, reward terms, and what the
/// learner tells of itself; panels without a point are left out. Throws IoError if it can't be
/// read; a half-written last line is passed over.
std::vector<Panel> ReadCurves(const std::filesystem::path& metrics);

/// Draws panels side by side as .svg or .png, atomically. Throws UserError for another ending,
/// IoError if it can't be written.
void DrawCurves(const std::vector<Panel>& panels, const std::string& title,
                const std::filesystem::path& path);

}  // namespace simscale::train
