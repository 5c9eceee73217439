"""A numba type for a vector of floats, one per image of a block, and the operations that the kernels need.

A vector fills one register: 16 floats with AVX-512, 8 with AVX2.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from normreg.engines.numba_cpu.machine import LANES

FLOAT, WORD = ir.FloatType(), ir.IntType(32)
VECTOR, WORDS = ir.VectorType(FLOAT, LANES), ir.VectorType(WORD, LANES)
HALVES, MASK = ir.VectorType(ir.IntType(16), 2 * LANES), ir.VectorType(ir.IntType(1), LANES)
BITS = ir.IntType(LANES)  # of a mask
ZERO = ir.Constant(VECTOR, [0.0] * LANES)
FLOATS = types.CPointer(types.float32)


class VectorType(types.Type):
    """Numba's type of a vector."""

    def __init__(self) -> None:
        super().__init__(name=f"Vector{LANES}")


vector = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


# --- instructions; the convolutions use them too


def data_pointer(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """The address of an array's first element."""
    return context.make_array(kind)(context, builder, value).data


def load_at(builder: Any, pointer: Any, index: Any, kind: ir.Type = VECTOR) -> Any:
    """Loads a value of type `kind` from element `index` after `pointer`, which points to floats or masks."""
    return builder.load(builder.bitcast(builder.gep(pointer, [index]), kind.as_pointer()), align=LANES // 8)


def store_at(builder: Any, pointer: Any, index: Any, value: Any) -> None:
    """Stores a vector at element `index` after `pointer`."""
    builder.store(value, builder.bitcast(builder.gep(pointer, [index]), value.type.as_pointer()), align=4)


def spread(builder: Any, scalar: Any, lanes: int = LANES) -> Any:
    """A vector with `scalar` in every lane."""
    empty = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(WORD, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(WORD, lanes), [0] * lanes))


def call(builder: Any, name: str, result: ir.Type, arguments: Sequence[Any]) -> Any:
    """Calls one of LLVM's built-in functions."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""
    return call(builder, f"llvm.fma.v{LANES}f32", VECTOR, [a, b, c])


def rectify(builder: Any, value: Any) -> Any:
    """0 if the value is 0 or less. NaN stays NaN."""
    return builder.select(builder.fcmp_ordered("<=", value, ZERO), ZERO, value)


# --- the same operations for numba code


@intrinsic
def pointer(_: Any, memory: Any, start: Any) -> Any:
    """The address of byte `start` of `memory`, as that of a float.

    Kernels use addresses and not arrays, because numba counts references to arrays. In some loops over pixels that took
    longer than the arithmetic.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = data_pointer(context, builder, signature.args[0], values[0])
        return builder.bitcast(builder.gep(first, [values[1]]), FLOAT.as_pointer())

    return FLOATS(memory, types.int64), emit


@intrinsic
def load(_: Any, array: Any, position: Any) -> Any:
    """The vector that begins `position` floats after the address `array`."""
    return vector(FLOATS, types.int64), lambda _context, builder, _signature, values: load_at(builder, *values)


@intrinsic
def store(_: Any, array: Any, position: Any, value: Any) -> Any:
    """Writes a vector to `position` floats after the address `array`."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        store_at(builder, *values)
        return context.get_dummy_value()

    return types.void(FLOATS, types.int64, vector), emit


@intrinsic
def store_sum(_: Any, array: Any, position: Any, value: Any) -> Any:
    """Writes the sum of a vector's numbers, added up in double precision, to `position` floats after `array`."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        target, place, numbers = values
        double, lanes = ir.DoubleType(), LANES
        numbers = builder.fpext(numbers, ir.VectorType(double, lanes))
        while lanes > 1:  # the second half is added to the first
            lanes //= 2
            halves = [ir.Constant(ir.VectorType(WORD, lanes), list(range(k * lanes, (k + 1) * lanes))) for k in (0, 1)]
            low, high = (builder.shuffle_vector(numbers, numbers, half) for half in halves)
            numbers = builder.fadd(low, high)
        total = builder.fptrunc(builder.extract_element(numbers, ir.Constant(WORD, 0)), FLOAT)
        builder.store(total, builder.gep(target, [place]))
        return context.get_dummy_value()

    return types.void(FLOATS, types.int64, vector), emit


@intrinsic
def keep(_: Any, masks: Any, position: Any, value: Any) -> Any:
    """`value` in lanes whose bit is set in mask number `position` of those at the address `masks`, 0 in the others."""

    def emit(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        bits = load_at(builder, builder.bitcast(values[0], BITS.as_pointer()), values[1], BITS)
        return builder.select(builder.bitcast(bits, MASK), values[2], ZERO)

    return vector(FLOATS, types.int64, vector), emit


def _operation(count: int, emit: Callable[..., Any]) -> Any:
    """An intrinsic that takes `count` vectors and returns a vector."""
    arguments = (vector,) * count

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return emit(builder, *values)

    if count == 0:
        return intrinsic(lambda typing: (vector(), code))
    if count == 1:
        return intrinsic(lambda typing, a: (vector(*arguments), code))
    if count == 2:
        return intrinsic(lambda typing, a, b: (vector(*arguments), code))
    if count == 3:
        return intrinsic(lambda typing, a, b, c: (vector(*arguments), code))
    return intrinsic(lambda typing, a, b, c, d: (vector(*arguments), code))


zero = _operation(0, lambda b: ZERO)
relu = _operation(1, rectify)
fma = _operation(3, multiply_add)
add = _operation(2, lambda b, x, y: b.fadd(x, y))
multiply = _operation(2, lambda b, x, y: b.fmul(x, y))
where_positive = _operation(2, lambda b, c, x: b.select(b.fcmp_ordered(">", c, ZERO), x, ZERO))
where_equal = _operation(3, lambda b, p, q, x: b.select(b.fcmp_ordered("==", p, q), x, ZERO))
where_greater = _operation(4, lambda b, p, q, x, y: b.select(b.fcmp_ordered(">", p, q), x, y))


@intrinsic
def splat(_: Any, scalar: Any) -> Any:
    """A vector with a float32 in every lane."""
    return vector(types.float32), lambda context, builder, signature, values: spread(builder, values[0])
