"""The change of the CA, told once from first to last for `figure tls`."""
NAMES = []
from world import GODWIT
def story(_):
    return iter(())
