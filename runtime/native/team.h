// A fixed number of threads that work on one job together, the caller being the first of them.
#ifndef DYADIC_TEAM_H
#define DYADIC_TEAM_H

#include <pthread.h>
#include <stdint.h>

#include <atomic>

namespace dyadic {

int64_t now_ns();

class Team {
  public:
    using Work = void (*)(void *job, int thread);

    void open(int threads, int64_t spin_ns);
    void close();

    // Every thread calls work(job, its number); returns when all have come back, or with errno if threads cannot be
    // started. Threads start on first use, and again in a child process after fork.
    int run(Work work, void *job);

    // All threads of the job arrive before any leaves.
    void barrier();

    int threads() const { return threads_; }

  private:
    struct alignas(64) Gate {
        std::atomic<uint32_t> value{0}, sleepers{0};
        void reset() { value.store(0), sleepers.store(0); }
    };
    struct Worker {
        Team *team;
        int number;
        pthread_t thread;
    };

    void wait_for_change(Gate &gate, uint32_t old);
    static void open_gate(Gate &gate);
    int start();
    void forget_workers();
    static void *main(void *worker);

    int threads_ = 1, started_ = 0;
    int64_t spin_ns_ = 0;
    uint32_t fork_generation_ = 0;
    bool stop_ = false;
    Work work_ = nullptr;
    void *job_ = nullptr;
    Worker *workers_ = nullptr;
    Gate job_gate_;
    Gate barrier_gate_;
    alignas(64) std::atomic<int> arrived_{0};
};

} // namespace dyadic

#endif
