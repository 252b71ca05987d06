"""The table of transitions; `test_controller.py` carries out each of its edges."""

import itertools

import pytest

from ebpftrace.act.fuse.states import (
    FINAL,
    TRANSITIONS,
    StopEffect,
    StopState,
    StopTrigger,
    UnexpectedTriggerError,
    transition,
)

RESUMING = {StopState.RESUMED, StopState.EXEMPT}


@pytest.mark.parametrize(
    ("state", "trigger"), sorted(itertools.product(StopState, StopTrigger), key=str)
)
def test_pair_has_the_transition_of_the_table_or_raises(
    state: StopState, trigger: StopTrigger
) -> None:
    if (state, trigger) in TRANSITIONS:
        assert transition(state, trigger) is TRANSITIONS[state, trigger]
        return
    with pytest.raises(UnexpectedTriggerError, match=state.name.lower()) as raised:
        transition(state, trigger)
    assert trigger.name.lower() in str(raised.value)


def test_final_states_have_no_transitions_and_all_others_have() -> None:
    assert {state for state, _ in TRANSITIONS} == set(StopState) - FINAL


def test_every_state_is_reached() -> None:
    reached = {to.state for to in TRANSITIONS.values()} | {StopState.RUNNING}
    assert reached == set(StopState)


def test_every_trigger_and_every_effect_is_used() -> None:
    assert {trigger for _, trigger in TRANSITIONS} == set(StopTrigger)
    assert {effect for to in TRANSITIONS.values() for effect in to.effects} == set(StopEffect)


@pytest.mark.parametrize("trigger", [StopTrigger.END, StopTrigger.WATCH_END])
def test_no_stopped_process_outlives_its_end_or_the_watch(trigger: StopTrigger) -> None:
    stopped = set(StopState) - FINAL - {StopState.RUNNING}
    assert {state for state, it in TRANSITIONS if it is trigger} == stopped
    for state in stopped:
        assert transition(state, trigger).state in FINAL


def test_process_is_released_or_resumed_exactly_as_its_state_is_final() -> None:
    for to in TRANSITIONS.values():
        assert (StopEffect.RESUME in to.effects) == (to.state in RESUMING)
        assert (StopEffect.RELEASE in to.effects) == (to.state is StopState.ENDED)


def test_bound_is_set_before_the_process_is_resumed() -> None:
    bounds = {StopEffect.EXEMPT, StopEffect.CORRECT_BOUND, StopEffect.RAISE_BOUND}
    for to in TRANSITIONS.values():
        for effect in bounds & set(to.effects):
            assert to.effects.index(effect) < to.effects.index(StopEffect.RESUME)
