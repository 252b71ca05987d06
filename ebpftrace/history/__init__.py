"""The past runs of a job: what they held and when, how they ended, and what is unusual now.

`Run` is one run; `Past` is what the clean ones among the last runs say about the next;
a `Store` keeps them. Which runs are of the same job: see `recurring_job`.
"""
