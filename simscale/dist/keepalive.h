#pragma once

#include <chrono>

namespace simscale::dist {

/// Has the system end this process's TCP connections whose other end has not answered for `limit`.
/// A machine that loses its power sends no farewell: others would wait for it until their own
/// timeout, which has to be long, as ranks also wait for each other's work. Connections that come
/// later are not watched.
void WatchConnections(std::chrono::seconds limit);

}  // namespace simscale::dist
