// Processors that this process may use: the affinity mask and the cgroup's CPU quota, version 1 or
// 2.
#pragma once

namespace mp {

int usable_cpus();

}  // namespace mp
