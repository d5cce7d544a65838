#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace simscale {

/// The CPUs (fractions too) that control groups grant this process, if they limit it.
/// memberships: the text of /proc/self/cgroup; root: where the hierarchies are mounted
/// (/sys/fs/cgroup). Knows versions 1 and 2 and the mixed layout; the strictest ancestor counts.
std::optional<double> CgroupCpuLimit(std::string_view memberships,
                                     const std::filesystem::path& root);

}  // namespace simscale
