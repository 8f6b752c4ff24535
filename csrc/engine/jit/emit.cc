#include "engine/jit/emit.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "engine/jit/registers.h"

namespace mp::jit {
namespace {

constexpr int kTemp = 15;      // the vector register that no value lives in
constexpr int kSuspects = 14;  // nonzero in some lane when there are suspects
// rax: the index; rsi: n; rcx and rdx, and beside truth values rdi: for the moment.
constexpr Gpr kPointers[] = {r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15, rdi};
constexpr int kPointerCount = 11, kReservedForBools = 1;

constexpr Opcode kLoad{k0F, kNone, 0x10}, kStore{k0F, kNone, 0x11}, kStream{k0F, kNone, 0x2b},
    kLoadAligned{k0F, kNone, 0x28}, kStoreAligned{k0F, kNone, 0x29}, kXor{k0F, kNone, 0x57},
    kBroadcast4{k0F38, k66, 0x18}, kBroadcast8{k0F38, k66, 0x19}, kBroadcast1{k0F38, k66, 0x78},
    kPermute{k0F38, k66, 0x16}, kPermuteHalf{k0F38, k66, 0x0c}, kMaskedStore{k0F38, k66, 0x2e},
    kBytesTo4{k0F38, k66, 0x31}, kBytesTo8{k0F38, k66, 0x32}, kGreater4{k0F, k66, 0x66},
    kGreater8{k0F38, k66, 0x37}, kEqualBytes{k0F, k66, 0x74}, kUpperHalf{k0F3A, k66, 0x39},
    kShuffle{k0F, kNone, 0xc6}, kPack4{k0F, k66, 0x6b}, kPack2{k0F, k66, 0x63},
    kSigns{k0F, kNone, 0x50}, kAbsBytes{k0F38, k66, 0x1c}, kStore8Bytes{k0F, k66, 0xd6},
    kStore4Bytes{k0F, k66, 0x7e}, kFromGpr{k0F, k66, 0x6e, true}, kToGpr{k0F, k66, 0x7e, true};
constexpr Opcode kInsertHalf{k0F3A, k66, 0x38}, kPermuteQuarters{k0F3A, k66, 0x00, true};
constexpr int kEvenElements = 0x88, kSwapMiddle = 0xd8;

enum class Form : uint8_t { Other, Unary, Binary, Swaps };
struct Coding {
  Form form = Form::Other;
  Opcode of4{}, of8{};  // for elements of 4 and of 8 bytes
  bool imm = false;
};

constexpr Coding same(Form form, Opcode op) { return {form, op, op}; }
constexpr Coding floats(Form form, uint8_t byte, bool imm = false) {
  return {form, {k0F, kNone, byte}, {k0F, k66, byte}, imm};
}

constexpr Coding coding(Op op) {
  switch (op) {
    case Op::Add:
      return floats(Form::Swaps, 0x58);
    case Op::Mul:
      return floats(Form::Swaps, 0x59);
    case Op::Sub:
      return floats(Form::Binary, 0x5c);
    case Op::Div:
      return floats(Form::Binary, 0x5e);
    case Op::Sqrt:
      return floats(Form::Unary, 0x51);
    case Op::Compare:
      return floats(Form::Binary, 0xc2, true);
    case Op::Round:
      return {Form::Unary, {k0F3A, k66, 0x08}, {k0F3A, k66, 0x09}, true};
    case Op::And:
      return same(Form::Swaps, {k0F, kNone, 0x54});
    case Op::Max:
      return floats(Form::Binary, 0x5f);
    case Op::Min:
      return floats(Form::Binary, 0x5d);
    case Op::Or:
      return same(Form::Swaps, {k0F, kNone, 0x56});
    case Op::Xor:
      return same(Form::Swaps, kXor);
    case Op::AddInt:
      return {Form::Swaps, {k0F, k66, 0xfe}, {k0F, k66, 0xd4}};
    case Op::SubInt:
      return {Form::Binary, {k0F, k66, 0xfa}, {k0F, k66, 0xfb}};
    case Op::MulInt:
      return same(Form::Swaps, {k0F38, k66, 0x40});
    case Op::EqualInt:
      return {Form::Swaps, {k0F, k66, 0x76}, {k0F38, k66, 0x29}};
    case Op::GreaterInt:
      return {Form::Binary, kGreater4, kGreater8};
    case Op::MaxInt:
      return same(Form::Swaps, {k0F38, k66, 0x3d});
    case Op::MinInt:
      return same(Form::Swaps, {k0F38, k66, 0x39});
    case Op::MaxUint:
      return same(Form::Swaps, {k0F38, k66, 0x3f});
    case Op::MinUint:
      return same(Form::Swaps, {k0F38, k66, 0x3b});
    case Op::AbsInt:
      return same(Form::Unary, {k0F38, k66, 0x1e});
    case Op::SingleToDouble:
      return same(Form::Unary, {k0F, kNone, 0x5a});
    case Op::DoubleToSingle:
      return same(Form::Unary, {k0F, k66, 0x5a});
    case Op::IntToSingle:
      return same(Form::Unary, {k0F, kNone, 0x5b});
    case Op::IntToDouble:
      return same(Form::Unary, {k0F, kF3, 0xe6});
    case Op::SingleToInt:
      return same(Form::Unary, {k0F, kF3, 0x5b});
    case Op::DoubleToInt:
      return same(Form::Unary, {k0F, k66, 0xe6});
    case Op::Extend:
      return same(Form::Unary, {k0F38, k66, 0x25});
    default:
      return {};
  }
}

// Where things lie in the frame, from the stack pointer, in vectors.
enum FrameSlot { kTailLanes, kTailMask, kTailHalf, kFirstValue };
constexpr int kHalfMask = 16;  // behind the half vector's lanes

bool is_repeat(const Node& n) { return n.op == Op::Repeat || n.op == Op::RepeatBool; }

// Two copies of the body, for the vector at hand and the next one, node by node: one computes while
// the other waits for its results.
Body interleaved(const Body& b) {
  Body two = b;
  two.nodes.clear();
  std::vector<int16_t> places[2];
  for (const Node& n : b.nodes) {
    const bool shared = is_repeat(n) || n.op == Op::Constant;
    for (int copy = 0; copy < 2; ++copy) {
      if (copy && shared) {
        places[1].push_back(places[0].back());
        continue;
      }
      Node m = n;
      m.copy = static_cast<uint8_t>(copy);
      for (int16_t& v : m.in)
        if (v >= 0) v = places[copy][v];
      places[copy].push_back(static_cast<int16_t>(two.nodes.size()));
      two.nodes.push_back(m);
    }
  }
  return two;
}

// Longer bodies fill the processor's window of instructions on their own.
constexpr size_t kShortBody = 12, kMediumBody = 40, kLongBody = 1000;

class Emitter {
 public:
  explicit Emitter(const Body& b) : one_(b) {
    const size_t n = b.nodes.size();
    if (n > kMediumBody && n <= kLongBody) two_ = std::make_unique<Variant>(interleaved(b));
    use(one_);
    for (const Node& node : b.nodes)
      if (is_repeat(node)) repeats_.push_back(node.place);
    // The table of pointers comes in rdi, which may hold a pointer itself: it is the last.
    const Gpr* next = kPointers;
    for (const Pointer& p : b.pointers) gpr_.push_back(p.repeated ? rax : *next++);
    for (const Vector& v : b.constants) constants_.push_back(a_.add_constant(v));
  }

  std::vector<uint8_t> run() {
    measure();
    prologue();
    loops();
    epilogue();
    return a_.finish();
  }

 private:
  // A body with its registers.
  struct Variant {
    Body body;
    Registers regs;
    explicit Variant(Body b)
        : body(std::move(b)), regs(body, body.has_suspects ? kSuspects : kTemp) {}
    Variant(const Variant&) = delete;
    void pin(int place, int reg) {
      for (size_t v = 0; v < body.nodes.size(); ++v)
        if (is_repeat(body.nodes[v]) && body.nodes[v].place == place)
          regs.pin(static_cast<int>(v), reg);
    }
  };
  void use(Variant& variant) {
    b_ = &variant.body;
    regs_ = &variant.regs;
  }

  // How many registers and slots the bodies take; the numbers that they repeat get the registers
  // left over.
  void measure() {
    Assembler whole = a_;
    write_all();
    int reg = one_.regs.count();
    const int used = std::max(one_.regs.most_used(), two_ ? two_->regs.most_used() : 0);
    for (int place : repeats_)
      if (reg > used) {
        one_.pin(place, --reg);
        if (two_) two_->pin(place, reg);
      }
    write_all();
    slots_ = std::max(one_.regs.most_slots(), two_ ? two_->regs.most_slots() : 0);
    a_ = std::move(whole);
  }
  void write_all() {
    body(0, true);
    body(0, false);
    if (!two_) return;
    use(*two_);
    body(0, false);
    use(one_);
  }

  Rm frame(int slot, int extra = 0) const { return at(rsp, 32 * slot + extra); }
  int repeat_slot(const Node& n) const {
    return kFirstValue + static_cast<int>(std::find(repeats_.begin(), repeats_.end(), n.place) -
                                          repeats_.begin());
  }
  int spill_slot(int slot) const { return kFirstValue + static_cast<int>(repeats_.size()) + slot; }
  int frame_bytes() const { return 32 * (spill_slot(slots_) + 1); }

  void prologue() {
    for (Gpr r : {rbx, rbp, r12, r13, r14, r15}) a_.push(r);
    a_.mov(rcx, in_reg(rsp));
    a_.sub(rsp, frame_bytes());
    a_.bit_and(rsp, -32);
    a_.mov(at(rsp, frame_bytes() - 8), rcx);
    if (b_->has_suspects) a_.vex(kXor, true, kSuspects, kSuspects, in_reg(kSuspects));
    for (size_t v = 0; v < b_->nodes.size(); ++v)
      if (is_repeat(b_->nodes[v])) repeat(static_cast<int>(v));
    for (size_t i = 0; i < b_->pointers.size(); ++i)
      if (!b_->pointers[i].repeated) a_.mov(gpr_[i], at(rdi, static_cast<int>(8 * i)));
  }

  void repeat(int v) {
    const Node& n = b_->nodes[v];
    a_.mov(rcx, at(rdi, 8 * n.place));
    if (n.op == Op::RepeatBool) {
      a_.vex(kBroadcast1, true, kTemp, 0, at(rcx, 0));
      a_.vex(kEqualBytes, true, kTemp, kTemp, constant(zeros()));
      a_.vex(kXor, true, kTemp, kTemp, constant(ones()));
    } else {
      a_.vex(n.size == 4 ? kBroadcast4 : kBroadcast8, true, kTemp, 0, at(rcx, 0));
    }
    a_.vex(kStoreAligned, true, kTemp, 0, frame(repeat_slot(n)));
    regs_->restart();
    if (regs_->of(v) >= 0) a_.vex(kLoadAligned, true, regs_->of(v), 0, in_reg(kTemp));
  }
  int zeros() { return a_.add_constant(Vector{}); }
  int ones() {
    Vector v;
    v.fill(~0u);
    return a_.add_constant(v);
  }

  void epilogue() {
    if (std::any_of(b_->pointers.begin(), b_->pointers.end(), [](auto& p) { return p.streamed; }))
      a_.sfence();
    a_.zero(rax);
    if (b_->has_suspects) a_.vex(kSigns, true, rax, 0, in_reg(kSuspects));
    a_.mov(rsp, at(rsp, frame_bytes() - 8));
    for (Gpr r : {r15, r14, r13, r12, rbp, rbx}) a_.pop(r);
    a_.vzeroupper();
    a_.ret();
  }

  // Several vectors at a time, one at a time, and what is left.
  void loops() {
    const int lanes = b_->lanes;
    const size_t nodes = b_->nodes.size();
    a_.zero(rax);
    if (two_) {
      use(*two_);
      loop(1, 2);
      use(one_);
    } else if (nodes <= kMediumBody) {
      const int copies = nodes <= kShortBody ? 4 : 2;
      loop(copies, copies);
    }
    loop(1, 1);
    const int done = a_.label();
    a_.cmp(rax, rsi);
    a_.jump(Assembler::GreaterEqual, done);
    tail_setup(lanes);
    body(0, true);
    a_.bind(done);
  }

  // `copies` of the body that do so many vectors together.
  void loop(int copies, int vectors) {
    const int step = vectors * b_->lanes, top = a_.label(), end = a_.label();
    a_.lea(rcx, at(rsi, -step));
    a_.cmp(rax, rcx);
    a_.jump(Assembler::Greater, end);
    a_.align_loop();
    a_.bind(top);
    for (int i = 0; i < copies; ++i) body(i * b_->lanes, false);
    a_.add(rax, step);
    a_.cmp(rax, rcx);
    a_.jump(Assembler::LessEqual, top);
    a_.bind(end);
  }

  // With r elements left: which lanes of the last whole vector they are (the last one fills up, so
  // that no lane computes what no element does), and masks for storing them. rcx becomes the number
  // of bits that precede them in the last eight bytes of truth values.
  void tail_setup(int lanes) {
    constexpr uint32_t kOn = ~0u;
    a_.mov(rcx, in_reg(rax));
    a_.sub(rcx, rsi);
    a_.add(rcx, lanes);  // lanes - r
    // Windows into rows of 16.
    const Vector up{0, 1, 2, 3, 4, 5, 6, 7}, on{kOn, kOn, kOn, kOn, kOn, kOn, kOn, kOn}, off{};
    const int scale = lanes == 8 ? 2 : 3;
    window(up, lanes == 8 ? Vector{7, 7, 7, 7, 7, 7, 7, 7} : Vector{6, 7, 6, 7, 6, 7, 6, 7}, scale,
           frame(kTailLanes), true);
    window(on, off, scale, frame(kTailMask), true);
    if (lanes == 4) {
      window({0, 1, 2, 3, 3, 3, 3, 3}, off, 2, frame(kTailHalf), false);
      window({kOn, kOn, kOn, kOn}, off, 2, frame(kTailHalf, kHalfMask), false);
    }
    if (!b_->has_bools) return;
    a_.add(rcx, 8 - lanes);
    a_.shift_left(rcx, 3);
  }
  void window(const Vector& first, const Vector& second, int scale, const Rm& to, bool full) {
    a_.lea(rdx, constant(a_.add_table(first, second)));
    a_.vex(kLoad, full, kTemp, 0, at(rdx, rcx, scale, 0));
    a_.vex(kStore, full, kTemp, 0, to);
  }

  // One vector, or the elements that are left.
  void body(int offset, bool tail) {
    offset_ = offset;
    tail_ = tail;
    regs_->restart();
    for (size_t i = 0; i < b_->nodes.size(); ++i) {
      const Node& n = b_->nodes[i];
      switch (n.op) {
        case Op::Load:
        case Op::LoadBool:
        case Op::Repeat:
        case Op::RepeatBool:
        case Op::Constant:
          break;  // when they are needed
        case Op::Store:
        case Op::StoreBool:
          store(n);
          break;
        default:
          compute(static_cast<int>(i));
      }
    }
  }

  bool full(int size) const { return size * b_->lanes >= 32; }

  int take(int v) {
    return regs_->take(v, [this](int reg, int slot) {
      a_.vex(kStoreAligned, true, reg, 0, frame(spill_slot(slot)));
    });
  }
  // The register of v, locked.
  int in_register(int v) {
    int reg = regs_->of(v);
    if (reg >= 0) {
      regs_->lock(reg);
      return reg;
    }
    const int slot = regs_->slot(v);
    reg = take(v);
    const Node& n = b_->nodes[v];
    if (slot >= 0)
      a_.vex(kLoadAligned, true, reg, 0, frame(spill_slot(slot)));
    else if (n.op == Op::Constant)
      a_.vex(kLoadAligned, true, reg, 0, constant(constants_[n.place]));
    else if (n.op == Op::Load)
      load(reg, n);
    else if (n.op == Op::LoadBool)
      load_bool(reg, n);
    else
      a_.vex(kLoadAligned, true, reg, 0, frame(repeat_slot(n)));
    return reg;
  }

  // Whether an instruction can take v from memory.
  bool foldable(int v) const {
    if (regs_->of(v) >= 0) return false;
    const Op op = b_->nodes[v].op;
    return regs_->slot(v) >= 0 || op == Op::Constant || op == Op::Repeat || op == Op::RepeatBool ||
           (op == Op::Load && !tail_ &&
            (regs_->use_count(v) == 1 || (regs_->returns(v) && regs_->crowded())));
  }
  Rm operand(int v) {
    if (!foldable(v)) return in_reg(in_register(v));
    const Node& n = b_->nodes[v];
    if (regs_->slot(v) >= 0) return frame(spill_slot(regs_->slot(v)));
    if (n.op == Op::Constant) return constant(constants_[n.place]);
    if (n.op == Op::Load) return element(n);
    return frame(repeat_slot(n));
  }

  // Where the vector's elements of that place are.
  Rm element(const Node& n) const {
    const int item = b_->pointers[n.place].item;
    return at(gpr_[n.place], rax, std::countr_zero(static_cast<unsigned>(item)),
              (offset_ + n.copy * b_->lanes) * item);
  }
  // The last vector of the place.
  Rm last_vector(const Node& n, int elements) const {
    const int item = b_->pointers[n.place].item;
    return at(gpr_[n.place], rsi, std::countr_zero(static_cast<unsigned>(item)), -elements * item);
  }

  void load(int reg, const Node& n) {
    if (!tail_) return a_.vex(kLoad, full(n.size), reg, 0, element(n));
    if (full(n.size)) {
      a_.vex(kLoadAligned, true, kTemp, 0, frame(kTailLanes));
      a_.vex(kPermute, true, reg, kTemp, last_vector(n, b_->lanes));
    } else {
      a_.vex(kLoad, false, reg, 0, last_vector(n, b_->lanes));
      a_.vex(kPermuteHalf, false, reg, reg, frame(kTailHalf));
    }
  }
  void load_bool(int reg, const Node& n) {
    const Opcode widen = b_->lanes == 8 ? kBytesTo4 : kBytesTo8;
    if (tail_) {
      a_.mov(rdi, last_vector(n, 8));
      a_.shift_by_cl(false, rdi);
      a_.vex(kFromGpr, false, reg, 0, in_reg(rdi));
      a_.vex(widen, true, reg, 0, in_reg(reg));
    } else {
      a_.vex(widen, true, reg, 0, element(n));
    }
    a_.vex(b_->lanes == 8 ? kGreater4 : kGreater8, true, reg, reg, constant(zeros()));
  }

  // What is needed of a place's former elements is read before they are overwritten.
  void load_before(const Node& store) {
    for (size_t v = 0; v < b_->nodes.size(); ++v) {
      const Node& n = b_->nodes[v];
      if ((n.op == Op::Load || n.op == Op::LoadBool) && n.place == store.place &&
          n.copy == store.copy && regs_->needed(static_cast<int>(v)))
        in_register(static_cast<int>(v));
    }
    regs_->unlock_all();
  }
  void store(const Node& n) {
    load_before(n);
    const int reg = in_register(n.in[0]);
    if (n.op == Op::StoreBool)
      store_bool(reg, n);
    else if (!tail_)
      a_.vex(b_->pointers[n.place].streamed ? kStream : kStore, full(n.size), reg, 0, element(n));
    else
      store_tail(reg, n);
    regs_->unlock_all();
    regs_->used(n.in[0]);
  }
  void store_tail(int reg, const Node& n) {
    const bool wide = full(n.size);
    a_.vex(kLoad, wide, kTemp, 0, wide ? frame(kTailMask) : frame(kTailHalf, kHalfMask));
    a_.vex(kMaskedStore, wide, reg, kTemp, element(n));
  }
  void store_bool(int reg, const Node& n) {
    a_.vex(kUpperHalf, true, reg, 0, in_reg(kTemp), 1);
    if (b_->lanes == 8) {
      a_.vex(kPack4, false, kTemp, reg, in_reg(kTemp));
    } else {
      a_.vex(kShuffle, false, kTemp, reg, in_reg(kTemp), kEvenElements);
      a_.vex(kPack4, false, kTemp, kTemp, in_reg(kTemp));
    }
    a_.vex(kPack2, false, kTemp, kTemp, in_reg(kTemp));
    a_.vex(kAbsBytes, false, kTemp, 0, in_reg(kTemp));
    if (!tail_)
      return a_.vex(b_->lanes == 8 ? kStore8Bytes : kStore4Bytes, false, kTemp, 0, element(n));
    // The last eight bytes: the new ones above those that are there already.
    a_.vex(kToGpr, false, kTemp, 0, in_reg(rdi));
    a_.shift_by_cl(true, rdi);
    a_.one(rdx);
    a_.shift_by_cl(true, rdx);
    a_.sub(rdx, 1);
    a_.op64(0x23, rdx, last_vector(n, 8));  // and
    a_.op64(0x0b, rdi, in_reg(rdx));        // or
    a_.mov(last_vector(n, 8), rdi);
  }

  void compute(int v) {
    const Node& n = b_->nodes[v];
    const Coding c = coding(n.op);
    const Opcode op = n.size == 4 ? c.of4 : c.of8;
    const bool wide = full(n.size);
    const int imm = c.imm ? n.imm : -1;
    int first = n.in[0], second = n.in[1];
    if (c.form == Form::Unary) {
      const Rm from = operand(first);
      finish(n);
      a_.vex(op, wide, take_result(v), 0, from, imm);
    } else if (c.form != Form::Other) {
      if (c.form == Form::Swaps && foldable(first) && !foldable(second)) std::swap(first, second);
      const int a = in_register(first);
      const Rm b = operand(second);
      finish(n);
      a_.vex(op, wide, take_result(v), a, b, imm);
    } else if (n.op == Op::Blend) {  // in[2] ? in[1] : in[0]
      const int mask = in_register(n.in[2]), otherwise = in_register(n.in[0]);
      const Rm chosen = operand(n.in[1]);
      finish(n);
      a_.vex({k0F3A, k66, static_cast<uint8_t>(n.size == 4 ? 0x4a : 0x4b)}, wide, take_result(v),
             otherwise, chosen, mask << 4);
    } else if (n.op == Op::Fma || n.op == Op::Fnma) {
      fused(v, n);
    } else if (n.op == Op::ShiftLeft || n.op == Op::ShiftRight) {
      const int a = in_register(first), kind = n.op == Op::ShiftLeft ? 6 : n.size == 4 ? 4 : 2;
      finish(n);
      a_.vex({k0F, k66, static_cast<uint8_t>(n.size == 4 ? 0x72 : 0x73)}, wide, kind,
             take_result(v), in_reg(a), n.imm);
    } else if (n.op == Op::Suspect) {
      const Rm from = operand(first);
      finish(n);
      a_.vex({k0F, kNone, 0x56}, true, kSuspects, kSuspects, from);
    } else if (n.op == Op::HighToDouble) {
      const int a = in_register(first);
      finish(n);
      a_.vex(kUpperHalf, true, a, 0, in_reg(kTemp), 1);
      a_.vex(coding(Op::SingleToDouble).of8, true, take_result(v), 0, in_reg(kTemp));
    } else if (n.op == Op::JoinSingles || n.op == Op::JoinLow) {
      join(v, n);
    } else {  // Narrow
      const int a = in_register(first);
      finish(n);
      a_.vex(kUpperHalf, true, a, 0, in_reg(kTemp), 1);
      a_.vex(kShuffle, false, take_result(v), a, in_reg(kTemp), kEvenElements);
    }
    regs_->drop_if_dead(v);
  }
  // The low and the high half of a vector, each of 8-byte elements, as one of 4-byte elements.
  void join(int v, const Node& n) {
    const int low = in_register(n.in[0]), high = in_register(n.in[1]);
    finish(n);
    const int to = take_result(v);
    if (n.op == Op::JoinLow) {
      a_.vex(kShuffle, true, kTemp, low, in_reg(high), kEvenElements);
      a_.vex(kPermuteQuarters, true, to, 0, in_reg(kTemp), kSwapMiddle);
    } else {
      const Opcode narrow = coding(Op::DoubleToSingle).of8;
      a_.vex(narrow, true, kTemp, 0, in_reg(high));
      a_.vex(narrow, true, to, 0, in_reg(low));
      a_.vex(kInsertHalf, true, to, to, in_reg(kTemp), 1);
    }
  }
  // in[0] in[1] + in[2], or minus the product: the instruction overwrites one of the three.
  void fused(int v, const Node& n) {
    const int sign = n.op == Op::Fma ? 0 : 4;
    auto op = [&](int byte) {
      return Opcode{k0F38, k66, static_cast<uint8_t>(byte + sign), n.size == 8};
    };
    const bool wide = full(n.size);
    int a = n.in[0], b = n.in[1];
    const int sum = n.in[2];
    if (!(regs_->of(a) >= 0 && regs_->dies(a)) && regs_->of(b) >= 0 && regs_->dies(b))
      std::swap(a, b);
    const int x = in_register(a);
    if (regs_->of(sum) >= 0 && regs_->dies(sum)) {
      const int into = in_register(sum);
      const Rm y = operand(b);
      finish(n);
      regs_->take_over(v, into);
      a_.vex(op(0xb8), wide, into, x, y);
    } else if (regs_->dies(a)) {
      const int y = in_register(b);
      const Rm z = operand(sum);
      finish(n);
      regs_->take_over(v, x);
      a_.vex(op(0xa8), wide, x, y, z);
    } else {
      const Rm y = operand(b);
      a_.vex(kLoad, wide, kTemp, 0, operand(sum));
      finish(n);
      a_.vex(op(0xb8), wide, kTemp, x, y);
      a_.vex(kLoadAligned, wide, take_result(v), 0, in_reg(kTemp));
    }
    regs_->unlock_all();
  }

  // Registers of operands that die here may take the result. The others stay locked.
  void finish(const Node& n) {
    regs_->unlock_all();
    for (int v : n.in)
      if (v >= 0) regs_->used(v);
    for (int v : n.in)
      if (v >= 0 && regs_->of(v) >= 0) regs_->lock(regs_->of(v));
  }
  int take_result(int v) {
    const int reg = take(v);
    regs_->unlock_all();
    return reg;
  }

  Variant one_;
  std::unique_ptr<Variant> two_;  // the body interleaved with itself
  const Body* b_ = nullptr;       // the variant at hand
  Registers* regs_ = nullptr;
  Assembler a_;
  std::vector<int> repeats_, constants_;
  std::vector<Gpr> gpr_;
  int slots_ = 0, offset_ = 0;
  bool tail_ = false;
};

}  // namespace

int most_pointers(bool has_bools) { return kPointerCount - (has_bools ? kReservedForBools : 0); }

std::vector<uint8_t> emit(const Body& body) {
  const auto walked = std::count_if(body.pointers.begin(), body.pointers.end(),
                                    [](const Pointer& p) { return !p.repeated; });
  if (walked > most_pointers(body.has_bools)) return {};
  return Emitter(body).run();
}

}  // namespace mp::jit
