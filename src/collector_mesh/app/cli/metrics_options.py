"""Options about metrics."""

import argparse


def add_metrics_options(parser: argparse.ArgumentParser) -> None:
    """Add where scrapers are answered."""
    parser.add_argument(
        "--metrics",
        metavar="HOST:PORT",
        help="answer Prometheus at http://HOST:PORT/metrics; port 0 picks a free one (no metrics)",
    )
