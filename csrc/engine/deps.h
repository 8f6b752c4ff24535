// Tasks that read and write variables, run on worker threads as soon as that is safe: the engine of
// transfers, reductions between devices, loading and saving.
// - A variable stands for anything that must not be read while it is written: a storage, a key, a
//   file. Per variable, tasks take their turn in the order of push: reads together, a write alone.
// - Every device has one worker, which runs its tasks in the order in which they became ready.
// - A task that throws, or reads a failed variable, leaves the variables it writes failed. Waiting
//   for a failed variable throws what the first task threw, every time; a task that writes it
//   without reading it makes it good again. Calls about other variables never throw.
// - Tasks must not wait for tasks. All functions may be called from any thread.
#pragma once
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

namespace mp::deps {

struct Variable;
using Var = std::shared_ptr<Variable>;
Var new_variable();

// What a task threw, kept until nobody can read it any more.
struct Failure {
  std::exception_ptr cause;
  std::string task;
  bool raised = false;  // by some wait
};

// Runs `work` on the device's worker when its turn has come for all variables. A variable in both
// lists is written with its value read before. Devices are small numbers from 0.
void push(std::function<void()> work, std::span<const Var> reads, std::span<const Var> writes,
          int device, std::string name);

void wait_to_read(const Var& v);   // until the writes pushed so far are done; throws its failure
void wait_to_write(const Var& v);  // until the reads are done too; throws its failure
// Until nothing is left to do. Throws the oldest failure that no wait has thrown yet.
void wait_all();
void wait_until_idle();  // the same without throwing
// Whether the calling thread is a worker, where waiting is an error (std::logic_error).
bool on_worker();

// Ends the workers when nothing is left to do. A later push starts them again.
void stop_workers();
// In the child of a fork, where the workers are gone. Tasks that were not done are lost, therefore
// the parent waits for all before it forks.
void forget_workers();

}  // namespace mp::deps
