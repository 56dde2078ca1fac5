"""The command that lists what has a name."""

from atsc_keras.config import METHODS
from atsc_keras.config.shipped import shipped_configs
from atsc_keras.models.network_names import network_names


def list_names() -> None:
    """Show the shipped configs, the methods and the networks by name."""
    configs = shipped_configs()
    width = max(map(len, configs), default=0)
    print("Configs:")
    for name, what in configs.items():
        print(f"  {name:<{width}}  {what}")
    width = max(map(len, METHODS))
    print("\nMethods:")
    for name, method in METHODS.items():
        print(f"  {name:<{width}}  {method.label}  {method.reference}".rstrip())
    print(f"\nNetworks:\n  {', '.join(network_names())}")
