#pragma once

#include <string_view>

namespace simscale {

/// Standard error, shared by the log and the live lines of progress so that neither cuts the other.
/// Both are safe from any thread.

/// Writes text that ends a line; a live line on the terminal is wiped first (and redrawn by its
/// next update).
void ConsoleWrite(std::string_view text);
/// Draws `lines` (one, or several with line breaks between) in place of the live ones, each cut to
/// the terminal's width.
void ConsoleRedraw(std::string_view lines);

/// Whether standard error is a terminal that can redraw a line.
bool ConsoleIsTerminal();

}  // namespace simscale
