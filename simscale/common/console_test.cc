#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/progress.h"

namespace simscale {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

// Standard error as a terminal of the given width, as long as it lives.
class FakeTerminal {
 public:
  explicit FakeTerminal(unsigned short columns) {
    master_ = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0) return;
    const int slave = open(ptsname(master_), O_RDWR | O_NOCTTY);
    if (slave < 0) return;
    const winsize size = {24, columns, 0, 0};
    EXPECT_EQ(ioctl(slave, TIOCSWINSZ, &size), 0);
    saved_ = dup(STDERR_FILENO);
    dup2(slave, STDERR_FILENO);
    close(slave);
    setenv("TERM", "xterm", 1);
  }
  ~FakeTerminal() {
    if (saved_ >= 0) dup2(saved_, STDERR_FILENO);
    if (saved_ >= 0) close(saved_);
    if (master_ >= 0) close(master_);
  }
  FakeTerminal(const FakeTerminal&) = delete;
  FakeTerminal& operator=(const FakeTerminal&) = delete;
  // False where the machine gives no terminals: containers without /dev/pts, or none left.
  bool there() const { return saved_ >= 0; }
  std::string Read() {
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = read(master_, buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }

 private:
  int master_ = -1, saved_ = -1;
};

void Sleep(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST(Progress, OneLineWhereThereIsNoTerminal) {
  CaptureStderr();
  {
    Progress progress("datagen", 500, "episodes");
    for (int i = 1; i <= 500; ++i) progress.Update(i, "yield 99.2 %");
    Sleep(10);
    progress.Finish();
    progress.Finish();
    progress.Update(501);
  }
  EXPECT_THAT(GetCapturedStderr(),
              MatchesRegex("datagen 500/500 \\[##########\\] [0-9]+ episodes/s  in [0-9]+ms  "
                           "yield 99.2 %\n"));
}

TEST(Progress, NothingWithoutAnUpdate) {
  CaptureStderr();
  { Progress progress("eval", 10, "episodes"); }
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(Progress, UnknownTotal) {
  CaptureStderr();
  {
    Progress progress("serve", 0, "calls");
    progress.Update(12);
    Sleep(2);
  }
  EXPECT_THAT(GetCapturedStderr(), MatchesRegex("serve 12 [0-9]+ calls/s  in [0-9]+m?s\n"));
}

TEST(Progress, AResumedRunCountsOnlyItsOwnWork) {
  CaptureStderr();
  {
    Progress progress("train", 1000, "steps", 900);
    progress.Update(900);
  }
  EXPECT_THAT(GetCapturedStderr(),
              MatchesRegex("train 900/1000 \\[#########.\\]  in [0-9]+[um]s\n"));
}

TEST(Progress, RedrawsOnATerminal) {
  FakeTerminal terminal(200);
  if (!terminal.there()) GTEST_SKIP() << "this machine opens no pseudo-terminals";
  Progress progress("datagen", 4, "episodes");
  progress.Update(1);
  EXPECT_EQ(terminal.Read(), "");  // at most every 100 ms
  Sleep(110);
  progress.Update(2, "yield 50.0 %");
  const std::string live = terminal.Read();
  EXPECT_THAT(live, StartsWith("\rdatagen 2/4 [#####.....] "));
  EXPECT_THAT(live, HasSubstr(" episodes/s  ETA "));
  EXPECT_THAT(live, HasSubstr("  yield 50.0 %\x1b[K"));
  EXPECT_THAT(live, Not(HasSubstr("\n")));

  LogInfo("a note {}");  // wipes the live line first
  EXPECT_THAT(terminal.Read(), testing::ContainsRegex("^\r\x1b\\[K\\[..:..:..\\] info: a note"));
  progress.Update(4);
  progress.Finish();
  EXPECT_THAT(terminal.Read(), StartsWith("datagen 4/4 [##########] "));
}

TEST(Progress, FitsTheTerminal) {
  FakeTerminal terminal(20);
  if (!terminal.there()) GTEST_SKIP() << "this machine opens no pseudo-terminals";
  Progress progress("datagen", 4, "episodes");
  Sleep(110);
  progress.Update(2);
  EXPECT_EQ(terminal.Read(), "\rdatagen 2/4 [#####.\x1b[K");
}

TEST(Log, LevelsAndText) {
  CaptureStderr();
  LogDebug("hidden");
  LogInfo("n = ", 3, " {} %s");
  SetLogLevel(LogLevel::kDebug);
  LogDebug("shown");
  SetLogLevel(LogLevel::kError);
  LogWarning("hidden");
  Log(LogLevel::kError, "bad");
  SetLogLevel(LogLevel::kInfo);
  EXPECT_THAT(GetCapturedStderr(),
              MatchesRegex("\\[..:..:..\\] info: n = 3 \\{\\} %s\n"
                           "\\[..:..:..\\] debug: shown\n\\[..:..:..\\] error: bad\n"));
}

TEST(Interrupt, OneSignalRaisesTheFlag) {
  for (const int signal : {SIGINT, SIGTERM}) {
    InterruptGuard guard;
    EXPECT_FALSE(InterruptRequested());
    raise(signal);
    EXPECT_TRUE(InterruptRequested());
  }
  EXPECT_TRUE(InterruptRequested());  // still told after the guard's end
  InterruptGuard guard;
  EXPECT_FALSE(InterruptRequested());
}

TEST(Interrupt, RestoresTheHandlers) {
  const auto handler = [](int signal) {
    struct sigaction action;
    sigaction(signal, nullptr, &action);
    return action.sa_handler;
  };
  const auto before = handler(SIGINT);
  {
    InterruptGuard outer;
    { InterruptGuard inner; }
    EXPECT_NE(handler(SIGINT), before);
    raise(SIGINT);
    EXPECT_TRUE(InterruptRequested());
  }
  EXPECT_EQ(handler(SIGINT), before);
  EXPECT_EQ(handler(SIGTERM), SIG_DFL);
}

TEST(Interrupt, IgnoredSignalsStayIgnored) {
  const auto before = signal(SIGINT, SIG_IGN);
  {
    InterruptGuard guard;
    raise(SIGINT);
    EXPECT_FALSE(InterruptRequested());
  }
  signal(SIGINT, before);
}

TEST(InterruptDeathTest, ASecondSigintEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        signal(SIGINT, SIG_DFL);
        InterruptGuard guard;
        raise(SIGINT);
        raise(SIGINT);
      },
      testing::ExitedWithCode(130), "");
  EXPECT_EXIT(
      {
        signal(SIGINT, SIG_DFL);
        InterruptGuard guard;
        raise(SIGTERM);
        raise(SIGTERM);  // a supervisor may repeat itself
        _exit(InterruptRequested() ? 7 : 8);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace simscale
