#include "simscale/dist/keepalive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "simscale/common/file.h"

namespace simscale::dist {
namespace {

constexpr int kProbes = 4;  // the first after half of the limit

int Option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

bool IsTcpConnection(int fd) {
  const int domain = Option(fd, SO_DOMAIN);
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return (domain == AF_INET || domain == AF_INET6) && Option(fd, SO_TYPE) == SOCK_STREAM &&
         ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

void Watch(int fd, int seconds) {
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, std::max(seconds / 2, 1));
  set(IPPROTO_TCP, TCP_KEEPINTVL, std::max(seconds / 2 / kProbes, 1));
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, seconds * 1000);  // where something was sent
}

}  // namespace

void WatchConnections(std::chrono::seconds limit) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename().string();
    int fd = -1;
    const auto end = name.data() + name.size();
    if (std::from_chars(name.data(), end, fd).ptr == end && IsTcpConnection(fd))
      Watch(fd, static_cast<int>(limit.count()));
  }
}

}  // namespace simscale::dist
