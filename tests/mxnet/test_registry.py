"""mx.registry: classes by name or description; and the classes of errors."""

import pickle

import pytest

import minpy as mx
from minpy import base, error, registry


@pytest.fixture
def animals():
    class Animal:
        def __init__(self, legs=2):
            self.legs = legs

    class Dog(Animal):
        pass

    registry.get_register_func(Animal, "animal")(Dog)
    return Animal, Dog, registry.get_create_func(Animal, "animal")


def test_ways_to_describe(animals):
    Animal, Dog, create = animals
    dog = create("DOG", legs=4)
    assert type(dog) is Dog and dog.legs == 4
    assert create(dog) is dog
    for description in ('["dog", {"legs": 3}]', '{"animal": "dog", "legs": 3}', {"animal": "dog", "legs": 3}):
        assert create(description).legs == 3
    assert create(animal="dog").legs == 2
    assert create("dog", 5).legs == 5


def test_mistakes(animals):
    Animal, Dog, create = animals
    with pytest.raises(
        AssertionError, match="cat is not registered. Please register with animal.register first"
    ):
        create("Cat")
    with pytest.raises(
        AssertionError, match="animal is already an instance. Additional arguments are invalid"
    ):
        create(Dog(), 3)
    with pytest.raises(AssertionError, match="animal must be of string type"):
        create(3)
    with pytest.raises(AssertionError, match="Can only register subclass of Animal"):
        registry.get_register_func(Animal, "animal")(int)


def test_aliases_copies_and_overriding(animals):
    Animal, Dog, create = animals
    registry.get_alias_func(Animal, "animal")("hound", "Puppy")(Dog)
    assert set(registry.get_registry(Animal)) == {"dog", "hound", "puppy"}
    registry.get_registry(Animal).clear()
    assert type(create("puppy")) is Dog
    with pytest.warns(
        UserWarning, match="New animal .*Dog registered with name dog isoverriding existing animal"
    ):
        registry.get_register_func(Animal, "animal")(Dog)


def test_errors():
    assert issubclass(mx.MXNetError, RuntimeError) and mx.MXNetError is error.MXNetError

    @error.register
    class DataError(mx.MXNetError):
        pass

    assert base.error_types.pop("DataError") is DataError
    assert base.error_types["ValueError"] is ValueError
    assert error.register("other", KeyError) is KeyError and base.error_types.pop("other") is KeyError
    assert "MXNet hint" in str(error.InternalError("broken"))
    assert str(error.InternalError("MXNet hint: x")) == "MXNet hint: x"
    text = str(base.NotImplementedForSymbol(test_errors, "item", 3))
    assert text == (
        "Function test_errors (namely operator \"item\") with arguments (<class 'int'>) is not implemented for "
        "Symbol and only available in NDArray."
    )
    assert "is not supported for SparseNDArray" in str(base.NotSupportedForSparseNDArray(test_errors, None))


def test_base_helpers(monkeypatch):
    assert repr(base._Null) == "_Null" and pickle.loads(pickle.dumps(base._Null)) is base._Null
    assert base.py_str(b"a\xc3\xa4") == base.py_str("aä") == "aä"
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("MXNET_HOME", raising=False)
    assert base.data_dir() == "/home/me/.mxnet"
    monkeypatch.setenv("MXNET_HOME", "/data")
    assert base.data_dir() == "/data"
    doc = base.build_param_doc(["a", "b", "a"], ["int", "float, optional", "int"], ["first", "", "again"])
    assert doc == "Parameters\n----------\na : int\n    first\nb : float, optional\n"
