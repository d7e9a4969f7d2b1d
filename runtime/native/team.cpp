// A fixed number of threads that work on one job together.
//
// Waiting is a bounded spin and then a futex, so an idle session costs nothing. Nothing here knows what the job is.
#include "team.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace dyadic {
namespace {

const int64_t POLITE_NS = 5000; // how long a spinning thread keeps the processor to itself

// Counts how often this process was forked off: the threads of the parent are not here.
uint32_t fork_generation = 0;

void count_fork() { fork_generation++; }

int watch_forks() { return pthread_atfork(nullptr, nullptr, count_fork); }

void relax() {
#ifdef __x86_64__
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

} // namespace

int64_t now_ns() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void Team::open(int threads, int64_t spin_ns) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, [] { watch_forks(); });
    threads_ = threads;
    spin_ns_ = spin_ns;
    fork_generation_ = fork_generation;
}

void Team::wait_for_change(Gate &gate, uint32_t old) {
    if (spin_ns_ > 0) {
        const int64_t start = now_ns();
        for (int64_t now = start; now - start < spin_ns_; now = now_ns()) {
            for (int i = 0; i < 32; i++) {
                if (gate.value.load(std::memory_order_acquire) != old)
                    return;
                relax();
            }
            if (now - start > POLITE_NS)
                sched_yield(); // the thread waited for may need this very processor
        }
    }
    // Announce first, look again after: whoever opens the gate changes the value first and looks for sleepers after.
    gate.sleepers.fetch_add(1);
    while (gate.value.load() == old)
        syscall(SYS_futex, &gate.value, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
    gate.sleepers.fetch_sub(1);
}

void Team::open_gate(Gate &gate) {
    gate.value.fetch_add(1);
    if (gate.sleepers.load() != 0)
        syscall(SYS_futex, &gate.value, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void Team::barrier() {
    if (threads_ == 1)
        return;
    const uint32_t phase = barrier_gate_.value.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1) == threads_ - 1) {
        arrived_.store(0);
        open_gate(barrier_gate_);
    } else {
        wait_for_change(barrier_gate_, phase);
    }
}

void *Team::main(void *pointer) {
    const Worker &worker = *static_cast<Worker *>(pointer);
    Team &team = *worker.team;
    // Jobs count from the gate's value at the start of the team, which is 0 here: see forget_workers.
    for (uint32_t seen = 0;; seen++) {
        team.wait_for_change(team.job_gate_, seen);
        if (team.stop_)
            return nullptr;
        team.work_(team.job_, worker.number);
        team.barrier();
    }
}

int Team::start() {
    if (!workers_) {
        workers_ = static_cast<Worker *>(calloc(threads_, sizeof(Worker)));
        if (!workers_)
            return ENOMEM;
    }
    // Signals belong to the host's threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    int failure = 0;
    while (!failure && started_ < threads_ - 1) {
        Worker &worker = workers_[started_];
        worker.team = this;
        worker.number = started_ + 1;
        failure = pthread_create(&worker.thread, &attributes, main, &worker);
        started_ += !failure;
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failure)
        close(); // the few that started must not wait for a job that never comes
    return failure;
}

void Team::forget_workers() {
    started_ = 0;
    stop_ = false;
    arrived_.store(0);
    job_gate_.reset();
    barrier_gate_.reset();
    fork_generation_ = fork_generation;
}

int Team::run(Work work, void *job) {
    if (fork_generation_ != fork_generation)
        forget_workers();
    if (started_ < threads_ - 1)
        if (const int failure = start())
            return failure;
    work_ = work;
    job_ = job;
    if (threads_ > 1)
        open_gate(job_gate_);
    work(job, 0);
    barrier();
    return 0;
}

void Team::close() {
    if (fork_generation_ == fork_generation && started_) {
        stop_ = true;
        open_gate(job_gate_);
        for (int i = 0; i < started_; i++)
            pthread_join(workers_[i].thread, nullptr);
    }
    forget_workers();
    free(workers_);
    workers_ = nullptr;
}

} // namespace dyadic
