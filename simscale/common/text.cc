#include "simscale/common/text.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace simscale {
namespace {

// Slips that do not count as a distance: capitals, and the two ways to join words.
std::string Folded(std::string_view text) {
  std::string folded(text);
  for (char& c : folded) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return folded;
}

size_t Levenshtein(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Join(std::span<const std::string> parts, std::string_view separator) {
  std::string joined;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) joined += separator;
    joined += parts[i];
  }
  return joined;
}

void AppendEscaped(std::string& line, char c, bool ascii_only) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\n') {
    line += "\\n";
  } else if (c == '\t') {
    line += "\\t";
  } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && ascii_only)) {
    line += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
  } else {
    line += c;
  }
}

std::string Escaped(std::string_view text) {
  std::string line;
  for (const char c : text) AppendEscaped(line, c);
  return line;
}

std::string Shortened(std::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return std::string(text.substr(0, limit)) + "...";
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (;;) {
    const size_t end = text.find(separator, begin);
    if (end == std::string_view::npos) break;
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.emplace_back(text.substr(begin));
  return parts;
}

std::string Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

std::string NearestName(std::string_view name, std::span<const std::string> known) {
  // No slip of the fingers, and the table of distances would be as large as the text.
  if (name.size() > 200) return "";
  const std::string folded = Folded(name);
  // The second bound: "x" is not a slip for "lr", although it is only two edits away.
  const size_t limit =
      std::min(std::max<size_t>(2, name.size() / 3), name.empty() ? size_t{0} : name.size() - 1);
  size_t best = limit + 1;
  std::string nearest;
  for (const std::string& candidate : known) {
    const size_t distance = Levenshtein(folded, Folded(candidate));
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string UnknownName(std::string_view what, std::string_view name,
                        std::span<const std::string> known) {
  std::string message = name.empty() ? Cat("no ", what, " is named.")
                                     : Cat("unknown ", what, " '", Shortened(name), "'.");
  if (known.empty()) return message + " There are none.";
  const std::string nearest = NearestName(name, known);
  if (!nearest.empty()) message += Cat(" Did you mean '", nearest, "'?");
  return message + Cat(" Known: ", Join(known, ", "), ".");
}

std::string Fixed(double value, int digits) {
  char buffer[400];  // the largest double has 309 digits before the point
  std::snprintf(buffer, sizeof(buffer), "%.*f", std::clamp(digits, 0, 60), value);
  std::string text = buffer;
  if (text[0] == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string HumanSeconds(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 0) return Cat("-", HumanSeconds(-seconds));
  // Each bound is where the smaller unit would round up to a whole larger one.
  if (seconds < 0.9995e-3) return Fixed(seconds * 1e6, 0) + "us";
  if (seconds < 0.9995) return Fixed(seconds * 1e3, 0) + "ms";
  if (seconds < 59.95) return Fixed(seconds, 1) + "s";
  const double rounded = std::round(seconds);
  const bool hours = rounded >= 3600;
  const double units = hours ? std::round(seconds / 60) : rounded;
  const double rest = std::fmod(units, 60);
  return Cat(Fixed(std::floor(units / 60), 0), hours ? "h" : "m", rest < 10 ? "0" : "",
             Fixed(rest, 0), hours ? "m" : "s");
}

}  // namespace simscale
