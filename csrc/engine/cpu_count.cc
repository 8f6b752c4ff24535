#include "engine/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace mp {
namespace {

int affinity_cpus() {
  // The kernel refuses masks shorter than its own, so the size grows until it fits.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    cpu_set_t* mask = CPU_ALLOC(cpus);
    const size_t size = CPU_ALLOC_SIZE(cpus);
    const int count = sched_getaffinity(0, size, mask) == 0 ? CPU_COUNT_S(size, mask) : 0;
    CPU_FREE(mask);
    if (count > 0) return count;
  }
  return 1;
}

constexpr double kNoQuota = 1e9;

// "max 100000" or "150000 100000" (version 2).
double quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return kNoQuota;
  return std::atof(quota.c_str()) / period;
}

double quota_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"),
      period_file(folder + "/cpu.cfs_period_us");
  double quota = -1, period = 0;
  if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0)
    return kNoQuota;
  return quota / period;
}

// The tightest quota from the process's own group up to the root.
template <class Quota>
double tightest(const std::string& root, std::string path, Quota quota) {
  double least = quota(root);
  while (path.size() > 1) {
    least = std::min(least, quota(root + path));
    path.resize(path.rfind('/'));
  }
  return least;
}

double cgroup_cpus() {
  double least = kNoQuota;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "4:cpu,cpuacct:/path" or "0::/path"
    std::istringstream fields(line);
    std::string id, controllers, path;
    if (!std::getline(fields, id, ':') || !std::getline(fields, controllers, ':') ||
        !std::getline(fields, path))
      continue;
    if (controllers.empty())
      least = std::min(least, tightest("/sys/fs/cgroup", path, quota_v2));
    else if (("," + controllers + ",").find(",cpu,") != std::string::npos)
      least = std::min(least, tightest("/sys/fs/cgroup/" + controllers, path, quota_v1));
  }
  return least;
}

}  // namespace

int usable_cpus() {
  const double quota = std::ceil(cgroup_cpus());
  return std::max(1, quota < affinity_cpus() ? static_cast<int>(quota) : affinity_cpus());
}

}  // namespace mp
