#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/dist/communicator.h"
#include "simscale/dist/data_parallel.h"
#include "simscale/dist/peer_error.h"
#include "simscale/dist/worker.h"

namespace simscale::dist {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

int FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

/// body on each of `size` ranks, which are threads here: to the process group it is all the same.
void OnRanks(int size, const std::function<void(const std::shared_ptr<Communicator>&)>& body) {
  const int port = FreePort();
  std::vector<std::thread> threads;
  std::vector<std::exception_ptr> failures(static_cast<size_t>(size));
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      try {
        body(Communicator::Join({.rank = rank,
                                 .local_rank = rank,
                                 .world_size = size,
                                 .master_address = "127.0.0.1",
                                 .master_port = port},
                                milliseconds(20'000)));
      } catch (...) {
        failures[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override { Clear(); }
  void TearDown() override { Clear(); }
  static void Clear() {
    for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT",
                             "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_USE_AGENT_STORE"})
      ::unsetenv(name);
  }
  static void SetAll() {
    ::setenv("RANK", "1", 1);
    ::setenv("WORLD_SIZE", "4", 1);
    ::setenv("LOCAL_RANK", "1", 1);
    ::setenv("MASTER_ADDR", "host", 1);
    ::setenv("MASTER_PORT", "29500", 1);
  }
};

TEST_F(WorkerTest, NoneWithoutTorchrun) { EXPECT_FALSE(WorkerFromEnvironment().has_value()); }

TEST_F(WorkerTest, ReadsWhatTorchrunSets) {
  SetAll();
  ::setenv("TORCHELASTIC_RESTART_COUNT", "2", 1);
  ::setenv("TORCHELASTIC_USE_AGENT_STORE", "True", 1);
  const Worker worker = WorkerFromEnvironment().value();
  EXPECT_EQ(worker.rank, 1);
  EXPECT_EQ(worker.world_size, 4);
  EXPECT_EQ(worker.local_rank, 1);
  EXPECT_EQ(worker.master_address, "host");
  EXPECT_EQ(worker.master_port, 29500);
  EXPECT_EQ(worker.restart, 2);
  EXPECT_TRUE(worker.agent_store);
}

TEST_F(WorkerTest, SaysWhatIsMissingOrWrong) {
  SetAll();
  ::unsetenv("MASTER_ADDR");
  EXPECT_THAT([] { WorkerFromEnvironment(); },
              ThrowsMessage<UserError>(HasSubstr("MASTER_ADDR is not set")));
  SetAll();
  for (const char* wrong : {"4", "-1", "two", "1 ", ""}) {
    ::setenv("RANK", wrong, 1);
    EXPECT_THAT([] { WorkerFromEnvironment(); }, ThrowsMessage<UserError>(HasSubstr("RANK")))
        << wrong;
  }
}

TEST(CommunicatorTest, SumsGathersAndScatters) {
  OnRanks(3, [](const std::shared_ptr<Communicator>& ranks) {
    const auto r = static_cast<float>(ranks->rank());
    torch::Tensor sum = torch::tensor({r, 1.0F}), most = torch::tensor({r});
    ranks->Sum(sum);
    ranks->Max(most);
    EXPECT_TRUE(torch::equal(sum, torch::tensor({3.0F, 3.0F})));
    EXPECT_EQ(most.item<float>(), 2);

    torch::Tensor whole = torch::empty({6});
    ranks->AllGather(whole, torch::full({2}, r));
    EXPECT_TRUE(torch::equal(whole, torch::tensor({0.0F, 0.0F, 1.0F, 1.0F, 2.0F, 2.0F})));
    torch::Tensor part = torch::empty({2});
    ranks->ReduceScatter(part, torch::arange(6).to(torch::kFloat32) * (r + 1));
    EXPECT_TRUE(torch::equal(part, torch::tensor({12 * r, 12 * r + 6})));

    std::string text = ranks->is_main() ? "from rank 0" : "";
    ranks->Broadcast(&text);
    EXPECT_EQ(text, "from rank 0");
    ranks->Barrier();
  });
}

TEST(CommunicatorTest, SaysThatAPeerIsGone) {
  OnRanks(2, [](const std::shared_ptr<Communicator>& ranks) {
    if (ranks->rank() == 1) return;  // its group ends here
    EXPECT_THAT([&] { ranks->Barrier(); },
                ThrowsMessage<PeerError>(HasSubstr("another process is gone")));
  });
}

TEST(CommunicatorTest, SaysThatNobodyCame) {
  EXPECT_THROW(
      Communicator::Join(
          {.rank = 0, .world_size = 2, .master_address = "127.0.0.1", .master_port = FreePort()},
          milliseconds(500)),
      PeerError);
}

/// Net and data of seed 0: the same on all ranks.
torch::nn::Sequential Net() {
  return torch::nn::Sequential(torch::nn::Linear(6, 32), torch::nn::Tanh(),
                               torch::nn::Linear(32, 3));
}

std::vector<torch::Tensor> GradientsOfOneProcess(torch::nn::Sequential net, const torch::Tensor& x,
                                                 const torch::Tensor& y) {
  net->zero_grad();
  torch::mse_loss(net->forward(x), y).backward();
  std::vector<torch::Tensor> grads;
  for (const torch::Tensor& parameter : net->parameters())
    grads.push_back(parameter.grad().clone());
  net->zero_grad();
  return grads;
}

TEST(DataParallelTest, AveragesGradientsOfAllRanks) {
  torch::manual_seed(0);
  const torch::Tensor x = torch::randn({16, 6}), y = torch::randn({16, 3});
  torch::nn::Sequential first = Net();
  const auto expected = GradientsOfOneProcess(first, x, y);
  std::vector<torch::nn::Sequential> nets;
  for (int r = 0; r < 2; ++r) nets.push_back(Net());  // other weights: those of rank 0 are taken
  {
    torch::NoGradGuard no_grad;
    for (size_t i = 0; i < expected.size(); ++i)
      nets[0]->parameters()[i].copy_(first->parameters()[i]);
  }
  OnRanks(2, [&](const std::shared_ptr<Communicator>& ranks) {
    const int64_t r = ranks->rank();
    torch::nn::Sequential& net = nets[static_cast<size_t>(r)];
    DataParallel parallel(*net, ranks, /*bucket_bytes=*/512);
    for (int step = 0; step < 3; ++step) {
      // Eight rows a rank, in two parts whose gradients add up first.
      for (int64_t part = 0; part < 2; ++part) {
        const int64_t at = 8 * r + 4 * part;
        parallel.BeginForward();
        const torch::Tensor loss =
            torch::mse_loss(net->forward(x.narrow(0, at, 4)), y.narrow(0, at, 4)) / 2;
        if (part == 1) parallel.BeginBackward();
        loss.backward();
      }
      const auto parameters = net->parameters();
      for (size_t i = 0; i < parameters.size(); ++i) {
        EXPECT_TRUE(torch::allclose(parameters[i].grad(), expected[i], 1e-5, 1e-7))
            << "rank " << r << ", step " << step << ", parameter " << i;
        torch::Tensor(parameters[i]).mutable_grad().reset();
      }
    }
  });
}

}  // namespace
}  // namespace simscale::dist
