"""Events as they are written, to everybody who watches."""
