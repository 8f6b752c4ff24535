#include "engine/deps.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "engine/profiler.h"

namespace mp::deps {
namespace {

struct Task;
struct Waiter;

struct Turn {
  Task* task;
  bool write;
};

}  // namespace

// The queue holds the turns not yet granted. Granted ones are counted until their task is done.
struct Variable {
  std::deque<Turn> queue;
  int readers = 0;
  bool writing = false;
  std::shared_ptr<Failure> failure;
};

namespace {

constexpr int kNoDevice = -1;  // done at once where it becomes ready: the end of a wait

struct Task {
  std::function<void()> work;
  std::vector<Var> reads, writes;  // sorted, no variable twice in one, or in both but `updates`
  std::vector<Var> updates;        // read and written
  int device;
  std::string name;
  size_t missing = 0;  // turns not granted yet
  std::shared_ptr<Failure> failure;
  Waiter* waiter = nullptr;
};

// A thread that waits for the end of a task without work.
struct Waiter {
  bool done = false;
  std::shared_ptr<Failure> failure;
};

struct Worker {
  std::deque<Task*> ready;
  std::condition_variable wake;
  std::thread thread;
  bool started = false;
};

// One lock guards everything: tasks take far longer than their bookkeeping.
struct State {
  std::mutex lock;
  std::condition_variable progress;
  std::deque<std::unique_ptr<Worker>> workers;  // by device
  size_t unfinished = 0;
  bool stopping = false;
  std::list<std::shared_ptr<Failure>> unraised;  // oldest first
  // What nobody needs any more. It is destroyed without the lock, since what tasks and failures
  // hold may need other locks, like Python's.
  std::vector<std::shared_ptr<void>> garbage;
};

State& state() {
  static State* s = new State;  // never destroyed: workers may outlive main()
  return *s;
}

thread_local bool is_worker = false;

class Lock {
 public:
  Lock() : lock_(state().lock) {}
  ~Lock() {
    if (lock_.owns_lock()) release();
  }
  void release() {
    std::vector<std::shared_ptr<void>> garbage;
    garbage.swap(state().garbage);
    lock_.unlock();
  }
  void take() { lock_.lock(); }
  template <class Condition>
  void wait(std::condition_variable& signal, Condition&& condition) {
    signal.wait(lock_, condition);
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

void drop_raised() {
  State& s = state();
  for (auto it = s.unraised.begin(); it != s.unraised.end();) {
    auto failure = it++;
    if (!(*failure)->raised) continue;
    s.garbage.push_back(std::move(*failure));
    s.unraised.erase(failure);
  }
}

template <class F>
void for_each_turn(Task& t, F&& f) {
  for (const Var& v : t.reads) f(*v, false);
  for (const Var& v : t.updates) f(*v, true);
  for (const Var& v : t.writes) f(*v, true);
}

void finish(Task* t);

// All turns are granted: what the variables hold now is what the task reads.
void make_ready(Task* t) {
  for (auto* list : {&t->reads, &t->updates})
    for (const Var& v : *list)
      if (v->failure && !t->failure) t->failure = v->failure;
  if (t->waiter) {
    t->waiter->failure = t->failure;
    for (const Var& v : t->writes) t->waiter->failure = v->failure;
  }
  if (t->failure || t->device == kNoDevice) return finish(t);
  Worker& w = *state().workers[t->device];
  w.ready.push_back(t);
  w.wake.notify_one();
}

bool grantable(const Variable& v, bool write) { return !v.writing && (!write || v.readers == 0); }

void grant(Variable& v, bool write) {
  if (write)
    v.writing = true;
  else
    ++v.readers;
}

void give_back(Variable& v, bool write) {
  if (write)
    v.writing = false;
  else
    --v.readers;
}

// Grants the turns at the head of the queue; collects tasks that have all of theirs.
void advance(Variable& v, std::vector<Task*>& ready) {
  while (!v.queue.empty() && grantable(v, v.queue.front().write)) {
    const Turn turn = v.queue.front();
    v.queue.pop_front();
    grant(v, turn.write);
    if (--turn.task->missing == 0) ready.push_back(turn.task);
  }
}

void set_outcome(Variable& v, const std::shared_ptr<Failure>& failure) {
  if (v.failure) state().garbage.push_back(std::move(v.failure));
  v.failure = failure;
}

// Frees the task's turns, leaves its outcome in what it wrote, and starts what waited for it.
// Tasks that follow without running (they read a failure, or end a wait) are finished in the same
// loop, not in calls that nest.
void finish(Task* first) {
  State& s = state();
  thread_local std::vector<Task*> pending;
  pending.push_back(first);
  if (pending.size() > 1) return;  // the loop below called
  for (size_t i = 0; i < pending.size(); ++i) {
    Task* t = pending[i];
    std::vector<Task*> ready;
    for_each_turn(*t, [&](Variable& v, bool write) {
      if (write && t->device != kNoDevice) set_outcome(v, t->failure);
      give_back(v, write);
      advance(v, ready);
    });
    if (t->waiter) t->waiter->done = true;
    --s.unfinished;
    s.garbage.push_back(std::shared_ptr<Task>(t));
    for (Task* next : ready) make_ready(next);
  }
  pending.clear();
  s.progress.notify_all();
}

void run(Task* t, Lock& lock) {
  lock.release();
  std::exception_ptr thrown;
  {
    profiler::Span span(profiler::kTask, t->name);
    try {
      t->work();
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  lock.take();
  if (thrown) {
    t->failure = std::make_shared<Failure>(Failure{thrown, t->name});
    drop_raised();
    state().unraised.push_back(t->failure);
  }
  finish(t);
}

void worker_loop(Worker& w) {
  is_worker = true;
  Lock lock;
  for (;;) {
    lock.release();  // destroys what the last task left
    lock.take();
    lock.wait(w.wake, [&] { return !w.ready.empty() || state().stopping; });
    if (w.ready.empty()) return;
    Task* t = w.ready.front();
    w.ready.pop_front();
    run(t, lock);
  }
}

void need_worker(int device) {
  State& s = state();
  while (static_cast<int>(s.workers.size()) <= device)
    s.workers.push_back(std::make_unique<Worker>());
  Worker& w = *s.workers[device];
  if (w.started) return;
  w.started = true;
  w.thread = std::thread(worker_loop, std::ref(w));
}

std::vector<Var> sorted_unique(std::span<const Var> vars) {
  std::vector<Var> v(vars.begin(), vars.end());
  std::sort(v.begin(), v.end());
  v.erase(std::unique(v.begin(), v.end()), v.end());
  return v;
}

Task* make_task(std::span<const Var> reads, std::span<const Var> writes, int device) {
  Task* t = new Task;
  t->device = device;
  const std::vector<Var> r = sorted_unique(reads), w = sorted_unique(writes);
  std::set_intersection(r.begin(), r.end(), w.begin(), w.end(), std::back_inserter(t->updates));
  std::set_difference(r.begin(), r.end(), w.begin(), w.end(), std::back_inserter(t->reads));
  std::set_difference(w.begin(), w.end(), r.begin(), r.end(), std::back_inserter(t->writes));
  return t;
}

void submit(Task* t) {
  ++state().unfinished;
  t->missing = 1;  // until all turns are asked for
  for_each_turn(*t, [&](Variable& v, bool write) {
    if (v.queue.empty() && grantable(v, write)) return grant(v, write);
    v.queue.push_back({t, write});
    ++t->missing;
  });
  if (--t->missing == 0) make_ready(t);
}

void refuse_on_worker() {
  if (is_worker)
    throw std::logic_error(
        "a task must not wait for tasks: name what it needs in `reads`, so that it starts later");
}

[[noreturn]] void raise(const std::shared_ptr<Failure>& failure, Lock& lock) {
  failure->raised = true;
  lock.release();
  std::rethrow_exception(failure->cause);
}

void wait_for(const Var& v, bool write) {
  refuse_on_worker();
  Task* t = write ? make_task({}, {&v, 1}, kNoDevice) : make_task({&v, 1}, {}, kNoDevice);
  Waiter waiter;
  t->waiter = &waiter;
  Lock lock;
  submit(t);
  lock.wait(state().progress, [&] { return waiter.done; });
  if (waiter.failure) raise(waiter.failure, lock);
}

}  // namespace

Var new_variable() { return std::make_shared<Variable>(); }

bool on_worker() { return is_worker; }

void push(std::function<void()> work, std::span<const Var> reads, std::span<const Var> writes,
          int device, std::string name) {
  constexpr int kMostDevices = 1024;
  if (device < 0 || device >= kMostDevices)
    throw std::invalid_argument("device must be between 0 and " + std::to_string(kMostDevices - 1) +
                                ", not " + std::to_string(device));
  Task* t = make_task(reads, writes, device);
  t->work = std::move(work);
  t->name = std::move(name);
  Lock lock;
  need_worker(device);
  submit(t);
}

void wait_to_read(const Var& v) { wait_for(v, false); }

void wait_to_write(const Var& v) { wait_for(v, true); }

void wait_all() {
  refuse_on_worker();
  State& s = state();
  Lock lock;
  lock.wait(s.progress, [&] { return s.unfinished == 0; });
  drop_raised();
  if (s.unraised.empty()) return;
  const std::shared_ptr<Failure> oldest = s.unraised.front();
  for (const auto& failure : s.unraised) failure->raised = true;
  drop_raised();
  raise(oldest, lock);
}

void wait_until_idle() {
  refuse_on_worker();
  Lock lock;
  lock.wait(state().progress, [] { return state().unfinished == 0; });
}

void stop_workers() {
  refuse_on_worker();
  State& s = state();
  Lock lock;
  lock.wait(s.progress, [&] { return s.unfinished == 0; });
  s.stopping = true;
  for (auto& w : s.workers) w->wake.notify_all();
  for (auto& w : s.workers) {
    if (!w->started) continue;
    std::thread ending = std::move(w->thread);
    lock.release();
    ending.join();
    lock.take();
    w->started = false;
  }
  s.stopping = false;
  for (size_t d = 0; d < s.workers.size(); ++d)  // pushed meanwhile
    if (!s.workers[d]->ready.empty()) need_worker(static_cast<int>(d));
}

void forget_workers() {
  new (&state()) State;  // the old one's lock and threads belong to the parent
}

}  // namespace mp::deps
