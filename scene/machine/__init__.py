"""What a process needs of its machine: folders, resources, system libraries."""
