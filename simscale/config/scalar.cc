#include "simscale/config/scalar.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "simscale/common/error.h"

namespace simscale::config::internal {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

// from_chars takes no plus sign.
std::string_view WithoutPlus(std::string_view text) {
  return !text.empty() && text[0] == '+' ? text.substr(1) : text;
}

std::string_view WithoutSign(std::string_view text) {
  return !text.empty() && (text[0] == '+' || text[0] == '-') ? text.substr(1) : text;
}

size_t CountDigits(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && IsDigit(text[n])) ++n;
  return n;
}

bool HasLeadingZero(std::string_view digits) {
  return digits.size() > 1 && digits[0] == '0' && IsDigit(digits[1]);
}

bool IsIntSyntax(std::string_view text) {
  std::string_view digits = WithoutSign(text);
  return !digits.empty() && CountDigits(digits) == digits.size() && !HasLeadingZero(digits);
}

bool IsDoubleSyntax(std::string_view text) {
  std::string_view rest = WithoutSign(text);
  if (HasLeadingZero(rest)) return false;
  size_t whole = CountDigits(rest), fraction = 0;
  rest.remove_prefix(whole);
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    fraction = CountDigits(rest);
    rest.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return false;
  if (rest.empty()) return true;
  if (rest[0] != 'e' && rest[0] != 'E') return false;
  rest = WithoutSign(rest.substr(1));
  return !rest.empty() && CountDigits(rest) == rest.size();
}

template <class T>
NumberStatus FromChars(std::string_view text, T* value) {
  text = WithoutPlus(text);
  T parsed{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error == std::errc::result_out_of_range) return NumberStatus::kOutOfRange;
  if (error != std::errc() || end != text.data() + text.size()) return NumberStatus::kNotANumber;
  *value = parsed;
  return NumberStatus::kOk;
}

}  // namespace

bool IsNullText(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

bool LooksTyped(std::string_view text) {
  if (text.empty()) return true;
  const std::string_view rest = WithoutSign(text);
  if (!rest.empty() && IsDigit(rest[0])) return true;  // dates, 12:30:00, 0x1f and 1_000 as well
  if (rest.size() > 1 && rest[0] == '.' && IsDigit(rest[1])) return true;
  // Readers of YAML 1.1 in use leave y and n alone, and axes are named so.
  const std::string lower = Lower(text);
  for (std::string_view word : {"~", "null", "true", "false", "yes", "no", "on", "off"})
    if (lower == word) return true;
  return rest.size() == 4 && rest[0] == '.' && IsNonFiniteText(rest);
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

NumberStatus ParseInt(std::string_view text, int64_t* value) {
  return IsIntSyntax(text) ? FromChars(text, value) : NumberStatus::kNotANumber;
}

NumberStatus ParseUint(std::string_view text, uint64_t* value) {
  if (!IsIntSyntax(text)) return NumberStatus::kNotANumber;
  if (text[0] == '-') {
    if (text != "-0") return NumberStatus::kOutOfRange;
    *value = 0;
    return NumberStatus::kOk;
  }
  return FromChars(text, value);
}

NumberStatus ParseDouble(std::string_view text, double* value) {
  return IsDoubleSyntax(text) ? FromChars(text, value) : NumberStatus::kNotANumber;
}

bool IsNonFiniteText(std::string_view text) {
  const std::string lower = Lower(WithoutSign(text));
  return lower == ".inf" || lower == "inf" || lower == ".nan" || lower == "nan" ||
         lower == "infinity";
}

std::string FormatDouble(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
  std::array<char, 64> buffer;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                           std::chars_format::scientific)
                 .ptr;
  std::string text(buffer.data(), end);  // [-]d[.ddd]e[+-]dd
  const size_t e = text.find('e');
  const int exponent = std::atoi(text.c_str() + e + 1);
  // Fixed notation where a person would use it; its shortest form has the same digits.
  if (exponent >= -5 && exponent < 15) {
    end =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed)
            .ptr;
    text.assign(buffer.data(), end);
    return text.find('.') == std::string::npos ? text + ".0" : text;
  }
  return text.find('.') == std::string::npos ? text.insert(e, ".0") : text;
}

std::string FormatBound(double value) {
  std::string text = FormatDouble(value);
  const size_t zero = text.find(".0");
  const bool whole =
      zero != std::string::npos && (zero + 2 == text.size() || text[zero + 2] == 'e');
  return whole ? text.erase(zero, 2) : text;
}

size_t FindInvalidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned char first = byte(i);
    // A surrogate, an overlong form and anything past U+10FFFF show in the second byte's range.
    unsigned char low = 0x80, high = 0xbf;
    size_t length = 1;
    if (first >= 0xc2 && first <= 0xdf) {
      length = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
      length = 3;
      if (first == 0xe0) low = 0xa0;
      if (first == 0xed) high = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
      length = 4;
      if (first == 0xf0) low = 0x90;
      if (first == 0xf4) high = 0x8f;
    } else if (first >= 0x80) {
      return i;
    }
    if (i + length > text.size()) return i;
    for (size_t k = 1; k < length; ++k) {
      if (byte(i + k) < low || byte(i + k) > high) return i;
      low = 0x80, high = 0xbf;
    }
    i += length;
  }
  return std::string_view::npos;
}

std::string Printable(std::string_view text, size_t limit) {
  const bool valid = FindInvalidUtf8(text) == std::string_view::npos;
  std::string line;
  for (const char c : text) {
    const bool starts_character = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (line.size() >= limit && (starts_character || !valid)) return line + "...";
    AppendEscaped(line, c, !valid);
  }
  return line;
}

std::string Show(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar: {
      double ignored;
      const bool bare = !node.quoted && (ParseDouble(node.scalar, &ignored) == NumberStatus::kOk ||
                                         LooksTyped(node.scalar));
      return bare ? Printable(node.scalar) : Cat("'", Printable(node.scalar), "'");
    }
    default:
      return Printable(ToFlow(node));
  }
}

std::string Quote(std::string_view text, bool json) {
  if (FindInvalidUtf8(text) != std::string_view::npos)
    ThrowUser("text must be UTF-8, got '", Printable(text), "'");
  static constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += json ? "\\u00" : "\\x";
      quoted += {kHex[byte >> 4], kHex[byte & 15]};
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace simscale::config::internal
