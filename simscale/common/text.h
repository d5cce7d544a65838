#pragma once

#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace simscale {

/// Joins the pieces as operator<< prints them.
template <class... Args>
std::string Cat(const Args&... args) {
  std::ostringstream out;
  out.precision(10);
  (out << ... << args);
  return out.str();
}

/// Joins with a separator: Join({"a", "b"}, ", ") is "a, b".
std::string Join(std::span<const std::string> parts, std::string_view separator);

/// Appends a character to a line: a control character as \n, \t, \x1b, with ascii_only also a byte
/// above 0x7f as \xff.
void AppendEscaped(std::string& line, char c, bool ascii_only = false);
/// One line whatever the text: line breaks and other control characters as \n, \t, \x1b.
std::string Escaped(std::string_view text);
/// At most `limit` bytes of it (whole UTF-8 characters), then "..." if there is more.
std::string Shortened(std::string_view text, size_t limit = 80);

std::vector<std::string> Split(std::string_view text, char separator);
std::string Trim(std::string_view text);

/// The known name closest to `name` (Levenshtein), or "" where none is near enough to be a slip of
/// the fingers (distance over max(2, a third of its length)).
std::string NearestName(std::string_view name, std::span<const std::string> known);

/// "unknown <what> 'name'. Did you mean 'x'? Known: a, b, c." for error messages; "no <what> is
/// named. Known: a, b, c." if the name is empty.
std::string UnknownName(std::string_view what, std::string_view name,
                        std::span<const std::string> known);

/// printf-style number: Fixed(0.12345, 2) is "0.12".
std::string Fixed(double value, int digits);

/// "1h02m", "3m20s", "12.3s", "45ms".
std::string HumanSeconds(double seconds);

}  // namespace simscale
