"""The documentation for partners' developers, served at ``/docs`` by the platform itself."""
