#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <tuple>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/dist/communicator.h"
#include "simscale/dist/data_parallel.h"
#include "simscale/dist/peer_error.h"
#include "simscale/dist/sharded.h"
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
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
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
  const std::optional<Worker> found = WorkerFromEnvironment();
  ASSERT_TRUE(found.has_value());
  const Worker worker = found.value_or(Worker());
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

TEST(CommunicatorTest, SumsGathersAndExchanges) {
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
    const torch::Tensor mine = torch::arange(6).to(torch::kFloat32) * (r + 1);
    ranks->StartExchange(whole, mine)->wait();
    const torch::Tensor own = torch::tensor({2 * r, 2 * r + 1});
    EXPECT_TRUE(torch::equal(whole, torch::cat({own, own * 2, own * 3})));

    std::string text = ranks->is_main() ? "from rank 0" : "";
    ranks->Broadcast(&text);
    EXPECT_EQ(text, "from rank 0");
    ranks->Barrier();
  });
}

TEST(CommunicatorTest, SumsGathersAndExchangesOnCuda) {
  const auto devices = static_cast<int>(torch::cuda::device_count());
  if (devices == 0) GTEST_SKIP() << "no CUDA device";
  OnRanks(devices, [](const std::shared_ptr<Communicator>& ranks) {
    const torch::Device device(torch::kCUDA, static_cast<c10::DeviceIndex>(ranks->local_rank()));
    ranks->UseCuda(device);
    const int n = ranks->size();
    torch::Tensor sum = torch::full({3}, ranks->rank(), device);
    ranks->Sum(sum);
    EXPECT_TRUE(torch::equal(sum.cpu(), torch::full({3}, n * (n - 1) / 2)));
    torch::Tensor whole = torch::empty({n}, torch::device(device).dtype(torch::kLong));
    ranks->AllGather(whole, torch::full({1}, ranks->rank(), device));
    EXPECT_TRUE(torch::equal(whole.cpu(), torch::arange(n)));
    torch::Tensor received = torch::empty_like(whole);
    ranks->StartExchange(received, whole * n)->wait();
    EXPECT_TRUE(torch::equal(received.cpu(), torch::full({n}, ranks->rank() * n)));
    torch::Tensor cpu = torch::ones({1});  // Gloo, as before
    ranks->Sum(cpu);
    EXPECT_EQ(cpu.item<float>(), n);
  });
}

TEST(CommunicatorTest, SaysThatAPeerIsGone) {
  OnRanks(2, [](const std::shared_ptr<Communicator>& ranks) {
    if (ranks->rank() == 1) return;  // its group ends here
    EXPECT_THAT([&] { ranks->Barrier(); },
                ThrowsMessage<PeerError>(HasSubstr("another process is gone")));
  });
}

/// tests/two_hosts_test.py sees what for.
TEST(CommunicatorTest, WatchesItsConnections) {
  OnRanks(2, [](const std::shared_ptr<Communicator>& ranks) {
    int watched = 0;
    for (int fd = 3; fd < 1024; ++fd) {
      int alive = 0, silence = 0;
      socklen_t size = sizeof alive;
      if (::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &alive, &size) != 0 || alive == 0) continue;
      if (::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, &size) == 0)
        watched += silence == 60'000 ? 1 : 0;
    }
    EXPECT_GE(watched, 2);  // at least the two ends of Gloo's
    ranks->Barrier();
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

/// Two blocks and a head; each rank has its own copy, all with the weights of seed 0.
struct Stack {
  torch::nn::Linear first{6, 16}, second{16, 16}, head{16, 3};

  torch::Tensor Forward(const torch::Tensor& x, Sharded* sharded) {
    const auto run = [&](size_t i, const torch::Tensor& in, torch::nn::Linear& linear) {
      const auto forward = [&linear](const torch::Tensor& t) {
        return torch::tanh(linear->forward(t));
      };
      return sharded ? sharded->RunBlock(i, in, forward) : forward(in);
    };
    return head->forward(run(1, run(0, x, first), second));
  }
  static Sharded::Parameters Of(const std::string& name, torch::nn::Linear& linear) {
    return {{name + ".weight", linear->weight}, {name + ".bias", linear->bias}};
  }
};

class ShardedTest : public ::testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(ShardedTest, LearnsAsOneProcessDoes) {
  const auto [size, shard_parameters] = GetParam();
  constexpr double kRate = 0.5;
  constexpr int kSteps = 5;
  torch::manual_seed(0);
  const torch::Tensor x = torch::randn({12, 6}), y = torch::randn({12, 3});
  Stack alone;
  std::vector<Stack> stacks(static_cast<size_t>(size));  // other weights: rank 0's are taken
  {
    const torch::NoGradGuard no_grad;
    for (const auto& [from, to] : {std::pair(&alone.first, &stacks[0].first),
                                   {&alone.second, &stacks[0].second},
                                   {&alone.head, &stacks[0].head}}) {
      (*to)->weight.copy_((*from)->weight);
      (*to)->bias.copy_((*from)->bias);
    }
  }
  std::vector<torch::Tensor> parameters;
  std::map<std::string, torch::Tensor> expected;
  for (auto& [name, linear] :
       {std::pair("first", &alone.first), {"second", &alone.second}, {"head", &alone.head}})
    for (const auto& item : Stack::Of(name, *linear)) expected.insert(item);
  for (int step = 0; step < kSteps; ++step) {
    torch::mse_loss(alone.Forward(x, nullptr), y).backward();
    const torch::NoGradGuard no_grad;
    for (auto& [name, parameter] : expected) {
      parameter.sub_(kRate * parameter.grad());
      parameter.mutable_grad().reset();
    }
  }

  OnRanks(size,
          [&, size = size, shard = shard_parameters](const std::shared_ptr<Communicator>& ranks) {
            Stack& stack = stacks[static_cast<size_t>(ranks->rank())];
            Sharded sharded({Stack::Of("first", stack.first), Stack::Of("second", stack.second)},
                            Stack::Of("head", stack.head), ranks, {.shard_parameters = shard});
            const int64_t rows = x.size(0) / size;
            for (int step = 0; step < kSteps; ++step) {
              for (const int64_t part : {0, 1}) {  // two micro-batches, whose gradients add up
                const int64_t at = rows * ranks->rank() + part * rows / 2;
                sharded.BeginForward();
                const torch::Tensor loss = torch::mse_loss(
                    stack.Forward(x.narrow(0, at, rows / 2), &sharded), y.narrow(0, at, rows / 2));
                (loss / 2).backward();
                sharded.EndBackward(/*last=*/part == 1);
              }
              const torch::NoGradGuard no_grad;
              for (const ShardLeaf& leaf : sharded.leaves()) {
                torch::Tensor values = leaf.values;
                ASSERT_TRUE(values.grad().defined());
                values.sub_(kRate * values.grad());
                values.mutable_grad().reset();
              }
              // Between steps no rank holds more than its part.
              EXPECT_EQ(stack.second->weight.storage().nbytes(), 0U);
            }
            size_t met = 0;
            sharded.Gather([&](const std::string& name, const torch::Tensor& whole) {
              ++met;
              EXPECT_TRUE(torch::allclose(whole, expected.at(name), 1e-5, 1e-6)) << name;
            });
            EXPECT_EQ(met, expected.size());

            // Other values in the leaves' place: zeros give a net that says nothing but zero.
            std::vector<torch::Tensor> zeros;
            for (const ShardLeaf& leaf : sharded.leaves())
              zeros.push_back(torch::zeros_like(leaf.values));
            const torch::NoGradGuard no_grad;
            sharded.GatherFrom(&zeros);
            sharded.BeginForward();
            EXPECT_EQ(stack.Forward(x, &sharded).abs().max().item<float>(), 0);
            sharded.GatherFrom(nullptr);
          });
}

INSTANTIATE_TEST_SUITE_P(Sizes, ShardedTest,
                         ::testing::Combine(::testing::Values(2, 3), ::testing::Bool()));

TEST(ShardedLeavesTest, LeavesTellWhereTheirNumbersBelong) {
  OnRanks(2, [](const std::shared_ptr<Communicator>& ranks) {
    torch::nn::Linear linear(5, 7);
    Sharded sharded({}, Stack::Of("net", linear), ranks, {});
    int64_t elements = 0;
    std::map<std::string, torch::Tensor> wholes;
    sharded.Gather([&](const std::string& name, const torch::Tensor& whole) {
      wholes[name] = whole.flatten().clone();
    });
    for (const ShardLeaf& leaf : sharded.leaves())
      for (const ShardPiece& piece : leaf.pieces) {
        EXPECT_EQ(leaf.decays, piece.name == "net.weight");
        EXPECT_TRUE(torch::equal(leaf.values.narrow(0, piece.at, piece.size),
                                 wholes.at(piece.name).narrow(0, piece.begin, piece.size)));
        elements += piece.size;
      }
    torch::Tensor all = torch::tensor({elements});
    ranks->Sum(all);
    EXPECT_EQ(all.item<int64_t>(), 5 * 7 + 7);
  });
}

TEST(ShardedLeavesTest, RefusesAnotherNetworkThanRankZeros) {
  OnRanks(2, [](const std::shared_ptr<Communicator>& ranks) {
    torch::nn::Linear linear(5, ranks->is_main() ? 7 : 8);
    const auto shard = [&] { const Sharded sharded({}, Stack::Of("net", linear), ranks, {}); };
    if (ranks->is_main())
      EXPECT_THROW(shard(), PeerError);
    else
      EXPECT_THAT(shard, ThrowsMessage<Error>(HasSubstr("differs from rank 0's")));
  });
}

}  // namespace
}  // namespace simscale::dist
