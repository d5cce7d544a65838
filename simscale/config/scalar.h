#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "simscale/config/node.h"

/// Between the files of this layer: how the text of a scalar becomes a typed value and back.
namespace simscale::config::internal {

enum class NumberStatus { kOk, kNotANumber, kOutOfRange };

bool IsNullText(std::string_view text);  ///< "", ~, null, Null, NULL
/// Whether a YAML reader (1.1 or 1.2) could take the plain text for something else than a string.
/// Errs on the side of yes.
bool LooksTyped(std::string_view text);

std::optional<bool> ParseBool(std::string_view text);  ///< true and false only
/// Decimal digits with an optional sign; no leading zeros (which are octal to YAML 1.1), no
/// fraction, no exponent, no 0x.
NumberStatus ParseInt(std::string_view text, int64_t* value);
NumberStatus ParseUint(std::string_view text, uint64_t* value);
/// Decimal with an optional fraction and exponent; .inf and .nan are kNotANumber. Numbers too large
/// or too small for a double are kOutOfRange.
NumberStatus ParseDouble(std::string_view text, double* value);
bool IsNonFiniteText(std::string_view text);  ///< .inf, -.inf, .nan, and plain inf and nan

/// The fewest digits that read back to the same double, always with a point, so that YAML 1.1
/// readers see a number too: 1.0, 0.0003, 2.5e-09.
std::string FormatDouble(double value);
/// The same without ".0", for ranges in messages: 1, 0.5.
std::string FormatBound(double value);

/// The offset of the first byte that is not part of valid UTF-8, or npos.
size_t FindInvalidUtf8(std::string_view text);

/// One printable line of at most `limit` bytes for messages; control characters are escaped.
std::string Printable(std::string_view text, size_t limit = 60);
/// What a message says was found: 3, 'text', [1, 2], nothing.
std::string Show(const Node& node);

/// A double-quoted YAML scalar, which is a JSON string too if `json`.
/// Throws UserError if the text is not UTF-8.
std::string Quote(std::string_view text, bool json);
/// The tree on one line: {a: 1, b: [1, 2]}.
std::string ToFlow(const Node& node);

}  // namespace simscale::config::internal
