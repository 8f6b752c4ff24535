// Storages whose bytes are on another device, and the parts of a program that run there. A storage
// leaves when an instruction on its device writes it or reads it as its own, and comes home when
// somebody asks for bytes (storage_settle). Between, it stays kStoragePending, so that nobody reads
// what lies here. A part is a task of its device's worker: it waits for those before it that touch
// the same storages, and for nothing else (Note [Arrays on other devices]). Needs the GIL.
#pragma once
#include "core/array.h"
#include "engine/fuser.h"

namespace mp::devices {

// 0: here, else one more than the number of the device of the context, or where the storage is.
int device_of(const Array* a);

// Takes the instructions of other devices out of a program and pushes them as tasks. When that
// cannot be done, since devices depend on each other, everything comes home and the program is left
// as it is.
void push_parts(Program& program, int ignored_flags);
// Brings the storages home that the program touches.
void bring_home(const Program& program);
// Brings everything home; what a task failed with, and warnings that became exceptions, are left as
// a Python error.
void bring_all_home();
// Waits for all tasks, with the same errors.
void wait();
bool is_away(const Storage* s);

}  // namespace mp::devices
