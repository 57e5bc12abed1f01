"""Free labels become the classes of the stack."""

import pytest

from ros2_rose.ontology import NO_ONTOLOGY, UnmappedLabels, read_ontology
from ros2_rose.parameters import ParameterError


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / 'ontology.yaml'
        path.write_text(text)
        return str(path)

    return write


def test_a_label_is_of_the_class_of_the_noun_that_it_ends_with(write):
    ontology = read_ontology(write('vehicle: [car, bus]\nsignal: [traffic light]\nlamp: [light]'))
    assert ontology.class_of('red Car') == ontology.class_of('bus') == 'vehicle'
    assert ontology.class_of('green traffic light') == 'signal'


def test_what_no_label_fits_has_no_class(write):
    ontology = read_ontology(write('vehicle: [car]'))
    assert ontology.class_of('scar') == ontology.class_of('dragon') == ontology.class_of('') == ''


def test_labels_without_a_class_are_counted_the_most_frequent_first(write):
    unmapped = UnmappedLabels(read_ontology(write('vehicle: [car]')))
    assert unmapped.summary() == ''
    unmapped.add(['cow', 'red car', 'red dragon'])
    unmapped.add(['red dragon'])
    assert unmapped.summary() == 'red dragon 2, cow 1'


def test_the_memory_for_labels_is_bounded_and_keeps_the_frequent(write):
    unmapped = UnmappedLabels(read_ontology(write('vehicle: [car]')))
    unmapped.add(['cow'] * 3)
    unmapped.add(f'thing {number}' for number in range(5000))
    unmapped.add(['cow'])
    assert unmapped.summary().startswith('cow 4, ')
    assert len(unmapped._counts) <= 1000


def test_without_an_ontology_nothing_is_missing():
    unmapped = UnmappedLabels(NO_ONTOLOGY)
    unmapped.add(['cow'])
    assert unmapped.summary() == ''


def test_without_a_file_nothing_has_a_class():
    assert read_ontology('') is NO_ONTOLOGY
    assert NO_ONTOLOGY.class_of('car') == ''


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('vehicle: car', 'must map classes to lists'),
        ('- car', 'must map classes to lists'),
        ('', 'must map classes to lists'),
        ('vehicle: [1]', 'must map classes to lists'),
        ('a: [car]\nb: [Car]', "'Car' in 'a' and in 'b'"),
        ('a: [', 'is not YAML'),
        ('a: !!python/object/apply:os.system ["true"]', 'is not YAML'),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(write, text, told):
    with pytest.raises(ParameterError, match=f'ontology.*{told}'):
        read_ontology(write(text))


def test_a_missing_file_is_named():
    with pytest.raises(ParameterError, match=r'/no/such\.yaml: No such file'):
        read_ontology('/no/such.yaml')
