// One source, several instruction sets. A file *_isa.cc is compiled for each of them with MP_ISA
// naming its namespace (isa_v2, isa_v3, isa_v4 on x86-64, isa_base elsewhere); common code picks
// one table at load. Invariant: such a file defines nothing outside namespace MP_ISA and
// instantiates no template of another namespace that the compiler might emit as a weak symbol, or
// the linker could keep the AVX-512 copy of it for every machine.
//   header:  MP_DECLARE_PER_ISA(CopyLoops, copy_loops)   declares isa_v2::copy_loops …
//   *_isa.cc: namespace mp::cpu::MP_ISA { extern const CopyLoops copy_loops; const CopyLoops
//   copy_loops = {…}; } common:  static const CopyLoops& loops = MP_BEST_ISA(copy_loops);
#pragma once

namespace mp::cpu {

// 2, 3 or 4 on x86-64, 0 elsewhere. MINPY_ISA=v2|v3|v4 lowers it, never raises it.
int isa_level();

#if defined(__x86_64__) && !defined(MP_ONE_ISA)
#define MP_DECLARE_PER_ISA(Type, name) \
  namespace isa_v2 {                   \
  extern const Type name;              \
  }                                    \
  namespace isa_v3 {                   \
  extern const Type name;              \
  }                                    \
  namespace isa_v4 {                   \
  extern const Type name;              \
  }
#define MP_BEST_ISA(name)                                  \
  (::mp::cpu::isa_level() >= 4   ? ::mp::cpu::isa_v4::name \
   : ::mp::cpu::isa_level() >= 3 ? ::mp::cpu::isa_v3::name \
                                 : ::mp::cpu::isa_v2::name)
#else
#define MP_DECLARE_PER_ISA(Type, name) \
  namespace isa_base {                 \
  extern const Type name;              \
  }
#define MP_BEST_ISA(name) ::mp::cpu::isa_base::name
#endif

}  // namespace mp::cpu
