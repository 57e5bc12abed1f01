"""Every sentence that ROSE is asked with (paper, Sec. 3.4, A.4, Fig. 9).

The paper prints two dense instructions, one referring question, one category prompt and five of
its thirty refinement sentences.  The others are written here in the same manner.
"""

from __future__ import annotations

from rose_model.records import RefinementCase

ALL_REGIONS = 'Can you segment all the regions in this image?'
"""The dense instruction of ROSE by default."""
FOREGROUND = 'Can you segment the foreground instances in this image?'
PAPER_SEMANTIC = (
    'Can you segment this image? Please respond with category names and corresponding segment '
    'masks.'
)
PAPER_INSTANCE = 'Please segment all the foreground instances in this image.'

ALL_REGIONS_PARAPHRASES = (
    PAPER_SEMANTIC,
    'Please segment everything in this image.',
    'Segment the whole image.',
    'Segment every region.',
    'Can you segment everything you see?',
    'Please label each region of this picture.',
    'Divide this image into regions and name them.',
    'What can be seen in this image? Please respond with masks and names.',
    'Mark all objects and surfaces in this photo.',
    'Give me the masks of all things and all stuff.',
    'Segment the entire scene, objects and background.',
    'Please outline every object and every surface.',
    'Perform panoptic segmentation of this image.',
)
"""Instructions that ask for all regions, as training uses them."""
FOREGROUND_PARAPHRASES = (
    PAPER_INSTANCE,
    'Please segment the foreground of this image.',
    'Segment all objects, but no background.',
    'Can you segment the things in this image?',
    'Find every object instance.',
    'Segment each foreground object.',
    'Please mark all the foreground objects in this picture.',
    'Which objects are in the foreground? Please respond with masks and names.',
    'Give me a mask for every object.',
    'Outline all object instances, leave out the background.',
    'Only the things, please, no surfaces.',
    'Perform instance segmentation of this image.',
    'Detect and segment all instances.',
)
"""Instructions that ask for the things alone, as training uses them."""

REFINEMENTS: dict[RefinementCase, tuple[str, ...]] = {
    RefinementCase.MASK: (
        'The segmentation mask of this {category} is incomplete, please ensure the entire object '
        'is captured.',
        "Please adjust the mask of '{category}' to include the entire target object.",
        'The mask of the {category} is not right, please segment it again.',
        'Refine the mask of the {category}.',
        'Include the whole {category}.',
        'The mask misses a part of the {category}.',
        'The mask covers more than the {category}, please correct it.',
        'Segment the {category} more accurately.',
        'The mask should hold the {category} and nothing else.',
        'Fix the boundary of the {category}.',
    ),
    RefinementCase.CATEGORY: (
        'The category of this segmentation result is wrongly predicted as {category}, please '
        'correct this.',
        "The segmentation result has been misclassified as '{category}', please rectify the "
        'category.',
        'This is not a {category}, look again.',
        'The label {category} is wrong.',
        'What is this? It is no {category}.',
        'You called this object a {category}, but it is something else.',
        'Please name and segment this object again, {category} is wrong.',
        'It is wrong to call this object a {category}.',
        'This object has been misclassified as {category}.',
        'Correct the label {category}.',
    ),
    RefinementCase.MISSED: (
        'You missed the {category}.',
        'There is a {category}, please segment it.',
        'Please add the {category}.',
        'The {category} has not been segmented.',
        'You forgot the {category}.',
        'Can you segment the {category} too?',
        'A {category} is missing.',
        'Also segment the {category}.',
        'Please segment the {category} with mask and corresponding category.',
        'The result lacks the {category}.',
    ),
}
"""Ten sentences for each situation of the paper, with the category in each."""

PLAIN_REFINEMENTS: dict[RefinementCase, tuple[str, ...]] = {
    RefinementCase.MASK: (
        'This segmentation mask is incomplete, please ensure the entire object is captured.',
        'Please adjust the mask to include the entire target object.',
        'The mask is not right, please segment it again.',
        'Refine this mask.',
        'Include the whole object.',
        'The mask misses a part of it.',
        'The mask covers more than the object, please correct it.',
        'Segment it more accurately.',
        'The mask should hold the object and nothing else.',
        'Fix the boundary.',
    ),
    RefinementCase.CATEGORY: (
        'The category of this segmentation result is wrong, please correct this.',
        'The segmentation result has been misclassified, please rectify the category.',
        'This is something else, look again.',
        'The label is wrong.',
        'What is this?',
        'That is not what it is called.',
        'Please name and segment this object again.',
        'You gave it the wrong name.',
        'This object has been misclassified.',
        'Correct the label.',
    ),
    RefinementCase.MISSED: (
        'Please segment target region with mask and corresponding category.',
        'You missed something.',
        'There is something here, please segment it.',
        'Please add what is there.',
        'This object has not been segmented.',
        'You forgot one.',
        'Can you segment this too?',
        'An object is missing.',
        'Also segment this one.',
        'The result lacks an object.',
    ),
}
"""The same situations without the category, as the paper prints the first and the third."""

GROW = (
    'Make the mask larger.',
    'It should be larger.',
    'The mask is too small.',
    'Extend the mask to the rest of the {category}.',
    'Include the rest of the {category}.',
    'The mask does not cover all of the {category}.',
    'A part is missing, please add it.',
    'Grow the mask.',
)
"""Sentences that ask for more pixels; the category is not in all of them."""
SHRINK = (
    'Make the mask smaller.',
    'It should be smaller.',
    'The mask is too large.',
    'Take away what is not part of the {category}.',
    'The mask spills over the edge of the {category}.',
    'Remove the background from the mask.',
    'It covers too much, please cut it down.',
    'Shrink the mask.',
)
"""Sentences that ask for fewer pixels; the category is not in all of them."""

REFERRINGS = (
    'What is {description} in this image? Please output the segmentation mask.',
    'What is {description} in this image?',
    'What is {description} in this image? Please respond with segmentation mask.',
    'Please segment {description} in this image.',
    'Can you segment {description}?',
)
"""The first is the paper's (A.4); a description brings its own article."""

SELECTIONS = (
    'Please segment every {words} in this image.',
    'Can you segment each {words}?',
    'Segment all that is a {words}.',
)
"""Instructions about all regions of a kind: "red thing", "car", "red car"."""
